// @ts-check

import { mention } from "../house.js";

/** The server forgets after 6 s; said twice as often, one lost word does no harm. */
const REPEAT_MS = 3_000;
const IDLE_MS = 5_000;

/** Tells the room that this person is writing, no more often than needed, and when they stop. */
export class Typing {
  #roomId;
  #saidAt = 0;
  /** @type {any} */
  #idleTimer;

  /** @param {number} roomId @param {AbortSignal} signal */
  constructor(roomId, signal) {
    this.#roomId = roomId;
    signal.addEventListener("abort", () => clearTimeout(this.#idleTimer));
  }

  /** @param {string} text what stands there now */
  typed(text) {
    clearTimeout(this.#idleTimer);
    if (text.trim() === "") {
      this.stop();
      return;
    }
    this.#idleTimer = setTimeout(() => this.stop(), IDLE_MS);
    if (Date.now() - this.#saidAt < REPEAT_MS) return;
    this.#saidAt = Date.now();
    mention("typing:start", { room_id: this.#roomId });
  }

  stop() {
    if (this.#saidAt > 0) mention("typing:stop", { room_id: this.#roomId });
    this.forget();
  }

  /** The message itself tells the room that the writing is over. */
  sent() {
    this.forget();
  }

  /** A new connection knows nothing of what was said before. */
  forget() {
    clearTimeout(this.#idleTimer);
    this.#saidAt = 0;
  }
}
