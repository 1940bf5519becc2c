// @ts-check
// One way to ask and to listen for all elements, whatever lies beneath: the socket, or plain requests and a
// look every few seconds where WebSocket is impossible.

import { Emitter } from "./lib/emitter.js";
import { plainRequestFor } from "./lib/plain-requests.js";
import { NotSent } from "./socket.js";

/**
 * @typedef {"connecting" | "online" | "offline" | "ended"} TransportState
 * @typedef {{
 *   socket: import("./socket.js").Socket,
 *   root: string,
 *   csrf: string,
 *   isWatched: () => boolean,
 * }} TransportOptions   isWatched: whether somebody may be looking at the page
 */

const REQUEST_MS = 15_000;
const POLL_MS = 5_000;
const UNWATCHED_POLL_MS = 60_000;
/** Even with a socket: a message bus that lost something does not say so. */
const SOCKET_SYNC_MS = 60_000;

/** What may be asked by plain request at any time: asked once or twice, what comes of it is the same. */
const AT_ANY_TIME = new Set([
  "message:history", "message:changes", "room:list", "message:edit", "message:delete", "message:react", "message:unreact",
]);

export class Transport {
  #options;
  #local = new Emitter();
  /** @type {TransportState} */
  #state = "connecting";
  /** @type {any} */
  #timer;

  /** @param {TransportOptions} options */
  constructor(options) {
    this.#options = options;
    options.socket.onState((state, reason) => this.#socketChanged(state, reason));
    options.socket.on("session:ended", (data) => this.end(data?.reason ?? ""));
  }

  get state() {
    return this.#state;
  }

  /**
   * Sends a client event and returns its answer, from the socket or from the page that does the same.
   * @param {string} event @param {any} data
   * @returns {Promise<any>} rejected with NotSent when the house cannot be reached
   */
  async send(event, data) {
    if (this.#state === "ended") throw new NotSent("ended");
    if (this.#options.socket.state === "online") return this.#options.socket.send(event, data);
    if (this.#isPlain || AT_ANY_TIME.has(event)) return this.#ask(event, data);
    throw new NotSent("offline");
  }

  /**
   * Listens to a server event.
   * @param {string} event @param {(data: any) => void} fn @param {{ signal?: AbortSignal }} [options]
   */
  on(event, fn, { signal } = {}) {
    signal?.addEventListener("abort", this.#options.socket.on(event, fn));
  }

  /**
   * "state" with the new state; "sync" when whoever shows something should make sure that it is the latest.
   * @param {"state" | "sync"} name @param {(data: any) => void} fn
   * @param {{ signal?: AbortSignal }} [options]
   */
  onLocal(name, fn, options) {
    this.#local.on(name, fn, options);
  }

  /** Something may have been missed: everybody looks again. */
  sync() {
    if (this.#state === "ended") return;
    this.#planSync();
    this.#local.emit("sync");
  }

  /**
   * Whether the house answers plain requests; finds out on the way whether this device is still signed in, which a
   * browser does not tell of a WebSocket that was refused.
   */
  async reachesHouse() {
    return this.#ask("room:list", {}).then(() => true, () => false);
  }

  /** This device is signed out, or has to wait outside. @param {string} reason why, in the server's word for programs, or "" */
  end(reason) {
    if (this.#state === "ended") return;
    this.#enter("ended", reason);
    clearTimeout(this.#timer);
    this.#options.socket.close();
  }

  /** Whether the server can be reached by plain requests only. */
  get #isPlain() {
    return ["unavailable", "refused"].includes(this.#options.socket.state);
  }

  /** @param {import("./socket.js").SocketState} state @param {string} reason */
  #socketChanged(state, reason) {
    if (this.#state === "ended") return;
    if (state === "online" || state === "connecting" || state === "offline") this.#enter(state, reason);
    // Being refused may mean being signed out; the first plain answer tells.
    if (state === "online" || this.#isPlain) this.sync();
  }

  #planSync() {
    clearTimeout(this.#timer);
    const poll = this.#options.isWatched() ? POLL_MS : UNWATCHED_POLL_MS;
    this.#timer = setTimeout(() => this.#syncInTurn(), this.#isPlain ? poll : SOCKET_SYNC_MS);
  }

  #syncInTurn() {
    if (this.#isPlain || (this.#state === "online" && this.#options.isWatched())) this.sync();
    else this.#planSync();
  }

  /** @param {string} event @param {any} data */
  async #ask(event, data) {
    const request = plainRequestFor(event, data);
    if (!request) return { ok: true };
    try {
      const answer = await this.#fetch(request);
      if (this.#isPlain) this.#enter("online");
      return answer;
    } catch (error) {
      if (this.#isPlain) this.#enter("offline");
      throw error;
    }
  }

  /** @param {import("./lib/plain-requests.js").PlainRequest} request */
  async #fetch({ method, path, form }) {
    const response = await fetch(this.#options.root + path, {
      method,
      body: form,
      headers: { Accept: "application/json", ...(form && { "X-CSRFToken": this.#options.csrf }) },
      cache: "no-store",
      signal: AbortSignal.timeout(REQUEST_MS),
    }).catch(() => { throw new NotSent("network"); });
    if (response.status === 401 || this.#isSignIn(response)) {
      this.end("");
      throw new NotSent("ended");
    }
    if (response.status === 423) {
      this.end("locked_down");
      throw new NotSent("ended");
    }
    const answer = await response.json().catch(() => null);
    // A proxy's error page is the network's trouble, not the house's answer.
    if (typeof answer?.ok !== "boolean") throw new NotSent(`status ${response.status}`);
    return answer;
  }

  /** @param {Response} response */
  #isSignIn(response) {
    return response.redirected && new URL(response.url).pathname === `${this.#options.root}/sign-in`;
  }

  /** @param {TransportState} state @param {string} [reason] */
  #enter(state, reason = "") {
    if (state === this.#state) return;
    this.#state = state;
    this.#local.emit("state", { state, reason });
  }
}
