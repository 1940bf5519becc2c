// @ts-check
// IndexedDB, as far as it is needed here: bytes by name, that outlive the page.

const STORE = "files";

/** Bytes by name. Every method is rejected where the browser keeps nothing: a private window, a full disk. */
export class BlobStore {
  #factory;
  /** @type {Promise<IDBDatabase> | null} */
  #open = null;

  /** @param {() => IDBFactory} factory may throw, as asking for it does where storage is forbidden */
  constructor(factory) {
    this.#factory = factory;
  }

  /** @param {string} name @param {Blob} bytes */
  async put(name, bytes) {
    await this.#do("readwrite", (store) => store.put(bytes, name));
  }

  /** @param {string} name @returns {Promise<Blob | undefined>} */
  async get(name) {
    return this.#do("readonly", (store) => store.get(name));
  }

  /** @param {string} name */
  async remove(name) {
    await this.#do("readwrite", (store) => store.delete(name));
  }

  /** @returns {Promise<string[]>} */
  async names() {
    return /** @type {Promise<any>} */ (this.#do("readonly", (store) => store.getAllKeys()));
  }

  /**
   * @template T
   * @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => IDBRequest<T>} ask
   * @returns {Promise<T>} what was asked for, once the browser has it on its disk
   */
  async #do(mode, ask) {
    const database = await this.#opened();
    return new Promise((done, fail) => {
      const transaction = database.transaction(STORE, mode);
      const request = ask(transaction.objectStore(STORE));
      transaction.addEventListener("complete", () => done(request.result));
      for (const name of ["abort", "error"]) transaction.addEventListener(name, () => fail(transaction.error));
    });
  }

  #opened() {
    this.#open ??= new Promise((done, fail) => {
      const request = this.#factory().open("homechat", 1);
      request.addEventListener("upgradeneeded", () => request.result.createObjectStore(STORE));
      request.addEventListener("success", () => done(request.result));
      for (const name of ["error", "blocked"]) request.addEventListener(name, () => fail(request.error));
    });
    // What was refused now may be possible later.
    this.#open.catch(() => { this.#open = null; });
    return this.#open;
  }
}
