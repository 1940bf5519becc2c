// @ts-check
// Asks a closed house again, calmly, until it opens.

/**
 * @typedef {{
 *   ask: () => Promise<number>,
 *   opened: () => void,
 * }} KnockingOptions   ask: the HTTP status of the answer, rejected when there is none
 */

const EVERY_MS = 30_000;
const LOCKED = 423;
const SERVER_TROUBLE = 500;

export class Knocking {
  #options;
  /** @type {any} */
  #timer;
  #isOver = false;

  /** @param {KnockingOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** Asks in half a minute, and from then on. */
  begin() {
    clearTimeout(this.#timer);
    if (!this.#isOver) this.#timer = setTimeout(() => this.now(), EVERY_MS);
  }

  /** Asks at once: somebody looks again, or the network is back. */
  async now() {
    clearTimeout(this.#timer);
    const status = await this.#options.ask().catch(() => SERVER_TROUBLE);
    if (this.#isOver) return;
    if (status === LOCKED || status >= SERVER_TROUBLE) {
      this.begin();
      return;
    }
    this.end();
    this.#options.opened();
  }

  end() {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}
