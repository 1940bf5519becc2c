// @ts-check

import { ask } from "../house.js";
import { Progress } from "../lib/progress.js";

/** A number missing in between may only be late: it gets this long before it is asked for. */
const LATE_MS = 300;
const RETRY_MS = 3_000;

/**
 * Makes sure that nothing of a room is missed: asks for everything that changed since the last number without
 * a gap.
 */
export class CatchUp {
  #roomId;
  #progress;
  #take;
  #busy = false;
  #again = false;
  /** @type {any} */
  #timer;

  /**
   * @param {number} roomId
   * @param {number} upTo the room's number when the page was made
   * @param {(answer: any) => void} take what to do with an answer
   */
  constructor(roomId, upTo, take) {
    this.#roomId = roomId;
    this.#progress = new Progress(upTo);
    this.#take = take;
  }

  get upTo() {
    return this.#progress.upTo;
  }

  /** A change of the room arrived live. @param {number} number */
  heard(number) {
    this.#progress.heard(number);
    if (this.#progress.hasGap) this.#runIn(LATE_MS);
  }

  /** Asks now; once more afterwards if asked to while it is asking. */
  async run() {
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#busy = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      do {
        this.#again = false;
        await this.#askOnce();
      } while (this.#again);
    } catch {
      // Offline: the next connection brings the next chance. A gap on a live line cannot wait for that.
      if (this.#progress.hasGap) this.#runIn(RETRY_MS);
    } finally {
      this.#busy = false;
    }
  }

  async #askOnce() {
    const answer = await ask("message:changes", { room_id: this.#roomId, after: this.#progress.upTo });
    if (!answer.ok) return;
    // So much changed that a new page is less work; drafts and what waits to be sent outlive it.
    if (answer.reload) location.reload();
    else {
      this.#take(answer);
      this.#progress.caughtUp(answer.last_seq);
    }
  }

  /** @param {number} ms */
  #runIn(ms) {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#progress.hasGap) this.run();
    }, ms);
  }
}
