// @ts-check

import { ask, isWatched, listen, me } from "../house.js";

const SETTLE_MS = 400;

/** Notices what the reader has before their eyes, and tells the house how far they have read. */
export class Reading {
  #roomId;
  #view;
  /** @type {any} */
  #timer;

  /**
   * @param {number} roomId
   * @param {number} readSeq how far they had read when the page was made
   * @param {{ isAtBottom: () => boolean, newestSeq: () => number, signal: AbortSignal }} view
   */
  constructor(roomId, readSeq, view) {
    this.#roomId = roomId;
    this.#view = view;
    /** How far this person has read, on whatever device. */
    this.readSeq = readSeq;
    const look = () => this.look();
    window.addEventListener("focus", look, { signal: view.signal });
    document.addEventListener("visibilitychange", look, { signal: view.signal });
    // Whoever leaves at once has still seen what was before their eyes.
    window.addEventListener("pagehide", () => this.#tell(), { signal: view.signal });
    listen("sync", look, view.signal);
    listen("unread:changed", (read) => this.#elsewhere(read.room_id, read.last_read_seq), view.signal);
    listen("message", ({ room_id, author, seq }) => {
      if (author.id === me?.id) this.#elsewhere(room_id, seq); // Whoever writes has read what stands above.
    }, view.signal);
    view.signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /** Whether the newest message is being looked at. */
  get isAttended() {
    return isWatched() && document.hasFocus() && this.#view.isAtBottom();
  }

  /** The person read this room on another device. @param {number} roomId @param {number} seq */
  #elsewhere(roomId, seq) {
    if (roomId === this.#roomId) this.readSeq = Math.max(this.readSeq, seq);
  }

  /** Something changed: perhaps more has been read now. */
  look() {
    clearTimeout(this.#timer);
    if (!this.isAttended || this.#view.newestSeq() <= this.readSeq) return;
    this.#timer = setTimeout(() => this.#tell(), SETTLE_MS);
  }

  async #tell() {
    const seq = this.#view.newestSeq();
    if (!this.isAttended || seq <= this.readSeq) return;
    try {
      const answer = await ask("room:read", { room_id: this.#roomId, seq });
      if (answer.ok) this.readSeq = Math.max(this.readSeq, seq);
    } catch {
      // Unread stays unread; the next look tells it again.
    }
    if (this.#view.newestSeq() > this.readSeq && seq === this.readSeq) this.look();
  }
}
