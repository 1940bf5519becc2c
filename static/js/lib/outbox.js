// @ts-check
// What the person has said and the server has not yet confirmed. Each entry lies under a key of its own in
// the browser's storage, so that two tabs never overwrite each other's, and leaves it only when the server
// has it.

/**
 * @typedef {{ id: number, author_name: string, preview: string }} Quoted what a message answers
 * @typedef {{ replyTo?: Quoted | null, files?: import("../parts/sending-file.js").SentFile[] }} Besides
 *   what goes with the words of a message; of files those that the server has already
 * @typedef {{
 *   client_id: string, room_id: number, body: string, at: number, tab: string, failed: string | null, reply_to?: Quoted,
 *   files?: import("../parts/sending-file.js").SentFile[],
 * }} Entry
 *   `failed`: the sentence with which the server refused it for good, or null while it waits
 * @typedef {{ ok: true, [more: string]: any }
 *   | { ok: false, code: string, error: string, retry_after?: number, fields?: Record<string, string> }} Ack
 * @typedef {{
 *   shelf: import("./shelf.js").Shelf,
 *   personId: number,
 *   tab: string,
 *   send: (entry: Entry) => Promise<Ack>,
 *   newId: () => string,
 *   delivered?: (ack: any, entry: Entry) => void,
 *   changed?: () => void,
 *   locks?: Pick<LockManager, "request">,
 *   now?: () => number,
 *   later?: (fn: () => void, ms: number) => void,
 * }} OutboxOptions
 */

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
const ADOPTION_MS = 5_000;

/** Refusals that no repetition will change. All others are the house's trouble and pass. */
const DEFINITE = new Set(["invalid", "forbidden", "not_found", "too_large", "conflict"]);

export class Outbox {
  #options;
  #prefix;
  #flushing = false;
  #flushAgain = false;
  #troubles = 0;
  #retryPlanned = false;
  #adopting = false;
  #pausedUntil = 0;
  #lastAt = 0;

  /** @param {OutboxOptions} options */
  constructor(options) {
    this.#options = options;
    this.#prefix = `homechat:outbox:${options.personId}:`;
  }

  /** Whether a storage key is one of ours, for tabs that watch each other. @param {string | null} key */
  owns(key) {
    return key === null || key.startsWith(this.#prefix);
  }

  /**
   * Everything unconfirmed of a room, or of all rooms, oldest first.
   * @param {number} [roomId] @returns {Entry[]}
   */
  entries(roomId) {
    return this.#options.shelf.keys(this.#prefix)
      .map((key) => this.#options.shelf.get(key))
      .filter((entry) => entry?.client_id && (roomId === undefined || entry.room_id === roomId))
      .sort((one, other) => one.at - other.at);
  }

  /**
   * Keeps a message for sending and returns it; call `flush()` to send.
   * @param {number} roomId @param {string} body @param {Besides} [besides]
   */
  add(roomId, body, { replyTo = null, files = [] } = {}) {
    const now = this.#now();
    this.#lastAt = Math.max(now, this.#lastAt + 1);
    const { newId, tab } = this.#options;
    /** @type {Entry} */
    const entry = { client_id: newId(), room_id: roomId, body, at: this.#lastAt, tab, failed: null };
    if (replyTo) entry.reply_to = replyTo;
    if (files.length) entry.files = files;
    this.#write(entry);
    return entry;
  }

  /** Sends a refused message once more, from this tab and as the same message. @param {string} clientId */
  retry(clientId) {
    const entry = this.#read(clientId);
    if (entry) this.#write({ ...entry, tab: this.#options.tab, failed: null });
  }

  /** The message is on the server, or the person gave it up. @param {string} clientId */
  remove(clientId) {
    if (!this.#read(clientId)) return;
    this.#options.shelf.remove(this.#prefix + clientId);
    this.#options.changed?.();
  }

  /** Sends what waits, in order, one at a time. Safe to call at any moment and from several tabs. */
  async flush() {
    this.#flushAgain = true;
    if (this.#flushing) return;
    this.#flushing = true;
    try {
      while (this.#flushAgain) {
        this.#flushAgain = false;
        await this.#sendAll((entry) => entry.tab === this.#options.tab);
      }
    } finally {
      this.#flushing = false;
    }
    this.#adoptLater();
  }

  /** @param {(entry: Entry) => boolean} whose */
  async #sendAll(whose) {
    for (const { client_id } of this.entries().filter((entry) => !entry.failed && whose(entry))) {
      if (this.#now() < this.#pausedUntil) return;
      const waitMs = await this.#alone(client_id, () => this.#sendOne(client_id));
      if (waitMs > 0) {
        this.#flushLater(waitMs);
        return;
      }
    }
  }

  /**
   * @param {string} clientId
   * @returns {Promise<number>} milliseconds to wait before going on, 0 when this one is settled
   */
  async #sendOne(clientId) {
    const entry = this.#read(clientId);
    if (!entry || entry.failed) return 0;
    let ack;
    try {
      ack = await this.#options.send(entry);
    } catch {
      return this.#troubleMs();
    }
    if (ack.ok) {
      this.#troubles = 0;
      this.#options.delivered?.(ack, entry);
      this.remove(clientId);
      return 0;
    }
    if (DEFINITE.has(ack.code)) {
      // What it answers is gone: tried again, it goes out without.
      const { reply_to, ...alone } = entry;
      this.#write({ ...(ack.fields?.reply_to_id ? alone : entry), failed: ack.error || ack.code });
      return 0;
    }
    if (!ack.retry_after) return this.#troubleMs();
    this.#pausedUntil = this.#now() + ack.retry_after * 1000;
    return ack.retry_after * 1000;
  }

  /**
   * Where the browser has locks, no two tabs send the same message at once. Elsewhere (plain http) the server
   * takes a second one with the same client_id for what it is.
   * @param {string} clientId @param {() => Promise<number>} send
   */
  async #alone(clientId, send) {
    if (!this.#options.locks) return send();
    const use = async (/** @type {unknown} */ lock) => (lock ? send() : 0);
    return this.#options.locks.request(`homechat-send-${clientId}`, { ifAvailable: true }, use);
  }

  /** @param {number} ms */
  #flushLater(ms) {
    if (this.#retryPlanned) return;
    this.#retryPlanned = true;
    this.#later(() => {
      this.#retryPlanned = false;
      this.flush();
    }, ms);
  }

  /** What other tabs still hold after a while was left by tabs that are gone, so this one sends it. */
  #adoptLater() {
    const left = this.entries().filter((entry) => !entry.failed && entry.tab !== this.#options.tab);
    const foreign = new Set(left.map((entry) => entry.client_id));
    if (foreign.size === 0 || this.#adopting) return;
    this.#adopting = true;
    this.#later(async () => {
      try {
        await this.#sendAll((entry) => foreign.has(entry.client_id));
      } finally {
        this.#adopting = false;
      }
    }, ADOPTION_MS);
  }

  #troubleMs() {
    this.#troubles += 1;
    return Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#troubles - 1));
  }

  /** @param {string} clientId @returns {Entry | undefined} */
  #read(clientId) {
    return this.#options.shelf.get(this.#prefix + clientId);
  }

  /** @param {Entry} entry */
  #write(entry) {
    this.#options.shelf.set(this.#prefix + entry.client_id, entry);
    this.#options.changed?.();
  }

  #now() {
    return (this.#options.now ?? Date.now)();
  }

  /** @param {() => void} fn @param {number} ms */
  #later(fn, ms) {
    (this.#options.later ?? setTimeout)(fn, ms);
  }
}
