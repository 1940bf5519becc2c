// @ts-check

/** Named things happen, and whoever listens is told. */
export class Emitter {
  /** @type {Map<string, Set<(data: any) => void>>} */
  #listeners = new Map();

  /**
   * Calls `fn` each time `name` happens, until the returned function is called or `signal` aborts.
   * @param {string} name
   * @param {(data: any) => void} fn
   * @param {{ signal?: AbortSignal }} [options]
   */
  on(name, fn, { signal } = {}) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(fn));
    const off = () => { listeners.delete(fn); };
    signal?.addEventListener("abort", off);
    return off;
  }

  /** @param {string} name @param {any} [data] */
  emit(name, data) {
    for (const fn of [...(this.#listeners.get(name) ?? [])]) {
      try {
        fn(data);
      } catch (error) {
        // One listener's mistake is reported like any other, and the rest still hear.
        queueMicrotask(() => { throw error; });
      }
    }
  }
}
