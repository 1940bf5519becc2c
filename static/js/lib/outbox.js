// @ts-check
// What the person has said and the server has not yet confirmed. Each entry lies under a key of its own in
// the browser's storage, so that two tabs never overwrite each other's, and leaves it only when the server
// has it.

/**
 * @typedef {{ id: number, author_name: string, preview: string }} Quoted what a message answers
 * @typedef {{ key: string, name: string, content_type: string, byte_size: number, width: number | null, height: number | null }
 *   & Partial<import("./uploads.js").SentFile>} OutboxFile   without an id as long as the server does not have it
 * @typedef {{ replyTo?: Quoted | null, files?: OutboxFile[] }} Besides what goes with the words of a message
 * @typedef {{
 *   client_id: string, room_id: number, body: string, at: number, tab: string, failed: string | null, reply_to?: Quoted,
 *   files?: OutboxFile[], anew?: boolean, beat?: number,
 * }} Entry
 *   `failed`: the sentence with which the server refused it for good, or null while it waits.  `anew`: its files went
 *   a second time, because the server had forgotten them.  `beat`: when its files were last seen moving
 * @typedef {{ ok: true, [more: string]: any }
 *   | { ok: false, code: string, error: string, retry_after?: number, fields?: Record<string, string> }} Ack
 * @typedef {{
 *   shelf: import("./shelf.js").Shelf,
 *   personId: number,
 *   tab: string,
 *   send: (entry: Entry) => Promise<Ack>,
 *   newId: () => string,
 *   bring?: (entry: Entry, file: OutboxFile, progress: (share: number) => void) => Promise<import("./uploads.js").UploadAnswer>,
 *   forget?: (files: OutboxFile[]) => void,
 *   moved?: (entry: Entry, share: number) => void,
 *   delivered?: (ack: any, entry: Entry) => void,
 *   changed?: () => void,
 *   locks?: Pick<LockManager, "request">,
 *   now?: () => number,
 *   later?: (fn: () => void, ms: number) => void,
 * }} OutboxOptions
 *   bring: gets a file to the server, and is never rejected.  forget: files that nobody waits for any more.
 *   moved: so much of a message's files is there, from 0 to 1
 */

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
const ADOPTION_MS = 5_000;
const BEAT_MS = 3_000;
/** Files that moved within this time are on their way from another page. */
const ALIVE_MS = 15_000;
/** After this time nobody will come who has the bytes of a file that are not here. */
const GIVEN_UP_MS = 24 * 60 * 60 * 1000;

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
  /** @type {Set<string>} messages whose files are on their way from this page */
  #bringing = new Set();
  /** @type {Set<string>} messages of other tabs whose files this page has brought */
  #adopted = new Set();

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

  /** @param {string} clientId @returns {Entry | undefined} */
  find(clientId) {
    return this.#read(clientId);
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
    const entry = this.#read(clientId);
    if (!entry) return;
    this.#options.shelf.remove(this.#prefix + clientId);
    this.#options.forget?.(entry.files ?? []);
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
        await this.#sendAll(({ tab, client_id }) => tab === this.#options.tab || this.#adopted.has(client_id));
      }
    } finally {
      this.#flushing = false;
    }
    this.#adoptLater();
  }

  /** @param {(entry: Entry) => boolean} whose */
  async #sendAll(whose) {
    for (const entry of this.entries().filter((it) => !it.failed && whose(it))) {
      const { client_id } = entry;
      if (missing(entry).length) {
        this.#bring(client_id); // Beside the rest: words need not wait for somebody's film.
        continue;
      }
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
    if (ack.fields?.upload_ids && !entry.anew) {
      this.#write({ ...entry, anew: true, files: entry.files?.map(({ id, url, thumbnail_url, ...file }) => file) });
      this.#flushAgain = true;
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

  /** Gets the files of a message to the server; then it can go. @param {string} clientId */
  async #bring(clientId) {
    if (this.#bringing.has(clientId)) return;
    this.#bringing.add(clientId);
    let waitMs = ADOPTION_MS; // Where another page is at it, which may just be ending.
    await this.#alone(clientId, async () => (waitMs = await this.#bringAll(clientId)));
    this.#bringing.delete(clientId);
    const entry = this.#read(clientId);
    if (entry && waitMs > 0) this.#flushLater(waitMs);
    else if (entry && !entry.failed && !missing(entry).length) {
      this.#adopted.add(clientId);
      this.flush();
    }
  }

  /**
   * @param {string} clientId
   * @returns {Promise<number>} milliseconds to wait before trying again, 0 when there is no more to do
   */
  async #bringAll(clientId) {
    const entry = this.#read(clientId);
    const { bring } = this.#options;
    if (!entry || entry.failed || !bring) return 0;
    /** @type {Map<string, number>} */
    const shares = new Map();
    const refusals = await Promise.all(missing(entry).map(async (file) => {
      const answer = await bring(entry, file, (share) => this.#moved(clientId, shares.set(file.key, share)));
      if (!("file" in answer)) return { ...answer, name: file.name };
      this.#arrived(clientId, file.key, answer.file);
      return null;
    }));
    const now = this.#read(clientId);
    const trouble = refusals.find((it) => it && !it.passes) ?? refusals.find((it) => it);
    if (!now || !trouble) {
      this.#troubles = 0;
      return 0;
    }
    if (trouble.passes) return this.#troubleMs();
    const mayBeElsewhere = trouble.isGone && now.tab !== this.#options.tab && this.#now() - now.at < GIVEN_UP_MS;
    if (!mayBeElsewhere) this.#write({ ...now, failed: `${trouble.name}: ${trouble.why}` });
    return 0;
  }

  /** @param {string} clientId @param {string} key @param {import("./uploads.js").SentFile} sent */
  #arrived(clientId, key, sent) {
    const entry = this.#read(clientId);
    if (!entry) return; // It was taken back.
    this.#write({ ...entry, files: entry.files?.map((file) => (file.key === key ? { ...sent, key } : file)) });
  }

  /** @param {string} clientId @param {Map<string, number>} shares of its files that are on their way */
  #moved(clientId, shares) {
    const entry = this.#read(clientId);
    if (!entry?.files) return;
    if (!entry.beat || this.#now() - entry.beat > BEAT_MS) {
      this.#options.shelf.set(this.#prefix + clientId, { ...entry, beat: this.#now() });
    }
    const total = entry.files.reduce((sum, file) => sum + file.byte_size, 0) || 1;
    const there = entry.files.reduce((sum, { id, key, byte_size }) => sum + byte_size * (id ? 1 : shares.get(key) ?? 0), 0);
    this.#options.moved?.(entry, there / total);
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
        await this.#sendAll(({ client_id, beat }) => foreign.has(client_id) && !(beat && this.#now() - beat < ALIVE_MS));
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

/** What the server has yet to get of a message. @param {Entry} entry */
export function missing({ files = [] }) {
  return files.filter(({ id }) => !id);
}
