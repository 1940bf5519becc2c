// @ts-check

/**
 * The files of messages in the outbox that the house has yet to get. They are kept by the browser, so that leaving the
 * page does not lose them; where it keeps nothing, they are there as long as the page is.
 */
export class OutboxFiles {
  #store;
  #prefix;
  /** @type {Map<string, File>} */
  #here = new Map();
  /** @type {Set<string>} */
  #kept = new Set();

  /** @param {{ store: Pick<import("./blob-store.js").BlobStore, "put" | "get" | "remove" | "names">, personId: number }} options */
  constructor({ store, personId }) {
    this.#store = store;
    this.#prefix = `${personId}:`;
  }

  /**
   * @param {string} key @param {File} file
   * @param {{ outlives: boolean }} options whether it has to be there after this page
   */
  async keep(key, file, { outlives }) {
    this.#here.set(key, file);
    if (!outlives) return;
    try {
      await this.#store.put(this.#prefix + key, file);
      if (this.#here.has(key)) this.#kept.add(key);
      else await this.forget([key]); // It was sent in the meantime.
    } catch {
      // Nobody keeps it but this page, which asks before it is left.
    }
  }

  /** Whether it would be lost with this page. @param {string} key */
  isOnlyHere(key) {
    return this.#here.has(key) && !this.#kept.has(key);
  }

  /** @param {string} key @returns {Promise<File | undefined>} */
  async get(key) {
    const here = this.#here.get(key);
    if (here) return here;
    const kept = await this.#store.get(this.#prefix + key).catch(() => undefined);
    return kept instanceof File ? kept : undefined;
  }

  /** @param {string[]} keys */
  async forget(keys) {
    for (const key of keys) {
      this.#here.delete(key);
      this.#kept.delete(key);
    }
    await Promise.all(keys.map((key) => this.#store.remove(this.#prefix + key).catch(() => {})));
  }

  /**
   * Forgets what was left behind by pages that ended in between.
   * @param {() => string[]} wanted the keys of all that are waited for, asked for when all that is kept is known
   */
  async forgetAllBut(wanted) {
    const names = await this.#store.names().catch(() => []);
    const keys = names.filter((name) => name.startsWith(this.#prefix)).map((name) => name.slice(this.#prefix.length));
    const needed = new Set(wanted());
    await this.forget(keys.filter((key) => !needed.has(key)));
  }
}
