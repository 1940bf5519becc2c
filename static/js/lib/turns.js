// @ts-check

/** Work of which only so much is done at once; the rest waits its turn, in order. */
export class Turns {
  #atOnce;
  #busy = 0;
  /** @type {(() => Promise<void>)[]} */
  #waiting = [];

  /** @param {number} atOnce */
  constructor(atOnce) {
    this.#atOnce = atOnce;
  }

  /** @param {() => Promise<void>} work that never rejects */
  add(work) {
    this.#waiting.push(work);
    this.#go();
  }

  #go() {
    while (this.#busy < this.#atOnce) {
      const work = this.#waiting.shift();
      if (!work) return;
      this.#busy += 1;
      work().finally(() => {
        this.#busy -= 1;
        this.#go();
      });
    }
  }
}
