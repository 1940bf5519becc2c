// @ts-check
// A place for small JSON values that outlives the page where the browser lets it.

/** localStorage with JSON values; memory where storage is forbidden or full. */
export class Shelf {
  #storage;
  /** @type {Map<string, any>} */
  #memory = new Map();

  /** @param {Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length"> | null} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  /** @param {string} key @returns {any} the value, or undefined */
  get(key) {
    if (this.#memory.has(key)) return this.#memory.get(key);
    try {
      return JSON.parse(this.#storage?.getItem(key) ?? "null") ?? undefined;
    } catch {
      return undefined;
    }
  }

  /** @param {string} key @param {unknown} value */
  set(key, value) {
    try {
      if (!this.#storage) throw new Error("no storage");
      this.#storage.setItem(key, JSON.stringify(value));
      this.#memory.delete(key);
    } catch {
      this.#memory.set(key, value);
    }
  }

  /** @param {string} key */
  remove(key) {
    this.#memory.delete(key);
    try {
      this.#storage?.removeItem(key);
    } catch {
      // Forbidden storage never held it.
    }
  }

  /** @param {string} prefix */
  keys(prefix) {
    const keys = new Set(this.#memory.keys());
    try {
      const count = this.#storage?.length ?? 0;
      for (let index = 0; index < count; index += 1) keys.add(this.#storage?.key(index) ?? "");
    } catch {
      // Forbidden storage holds nothing.
    }
    return [...keys].filter((key) => key.startsWith(prefix));
  }
}

/** The browser's storage of that name, or null: with cookies blocked, even asking for it throws. */
export function browserStorage(/** @type {"localStorage" | "sessionStorage"} */ name) {
  try {
    return globalThis[name] ?? null;
  } catch {
    return null;
  }
}
