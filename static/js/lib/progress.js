// @ts-check

/**
 * How far one has heard everything of a room. Each change of a room (a message, an edit, a deletion) takes
 * the next number, so a number missing in between is a change that was lost or is late.
 */
export class Progress {
  /** @type {Set<number>} numbers heard beyond the first missing one */
  #ahead = new Set();

  /** @param {number} upTo every change up to this one is known */
  constructor(upTo) {
    this.upTo = upTo;
  }

  get hasGap() {
    return this.#ahead.size > 0;
  }

  /** One change arrived. @param {number} number */
  heard(number) {
    if (number <= this.upTo) return;
    this.#ahead.add(number);
    while (this.#ahead.delete(this.upTo + 1)) this.upTo += 1;
  }

  /** Everything up to `number` was fetched at once. @param {number} number */
  caughtUp(number) {
    if (number > this.upTo) this.upTo = number;
    for (const ahead of this.#ahead) if (ahead <= this.upTo) this.#ahead.delete(ahead);
    while (this.#ahead.delete(this.upTo + 1)) this.upTo += 1;
  }
}
