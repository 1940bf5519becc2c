// @ts-check
// The only file that knows Socket.IO: one WebSocket that stays open as long as the page is looked at, and
// comes back by itself. It speaks the documented protocol (lib/packets.js) and knows nothing of rooms or
// messages.

import { backoffMs } from "./lib/backoff.js";
import { Emitter } from "./lib/emitter.js";
import { CONNECT, decode, encodeAck, encodeEvent, encodePong } from "./lib/packets.js";

/**
 * @typedef {"connecting" | "online" | "offline" | "refused" | "unavailable"} SocketState
 *   connecting: the first attempt, or at once after a loss · offline: an attempt failed, more will follow ·
 *   refused: the server answered and said no · unavailable: the server answers plain requests but no WebSocket
 * @typedef {{
 *   url: string,
 *   plainWorks?: () => Promise<boolean>,
 *   WebSocket?: typeof globalThis.WebSocket,
 *   random?: () => number,
 * }} SocketOptions
 *   url: ws(s)://… with everything but the query.  plainWorks: whether the server answers plain HTTP.
 */

const HANDSHAKE_MS = 10_000;
const ACK_MS = 10_000;
/** Whoever was told no should not ask again in the same breath. */
const REFUSED_MS = 2_000;
const UNAVAILABLE_RETRY_MS = 60_000;
/** A connection counts as good, and the next loss as the first, when it has lasted this long. */
const STEADY_MS = 5_000;
const PING_GRACE_MS = 1_000;

/** The message did not arrive, or nobody knows: the caller may send it again. */
export class NotSent extends Error {}

export class Socket {
  #options;
  #events = new Emitter();
  #states = new Emitter();
  /** @type {SocketState} */
  #state = "connecting";

  /** @type {WebSocket | null} the one socket there is, in whatever stage */
  #wire = null;
  #wanted = false;
  /** @type {import("./lib/packets.js").Packet & { type: "open" } | null} */
  #handshake = null;
  #heardAt = 0;
  /** @type {{ name: string, data: any }[]} the server's connect handler may speak before its yes arrives */
  #early = [];

  #failures = 0;
  #handshakeFailures = 0;
  #plainWorked = false;

  #lastAckId = 0;
  /**
   * @type {Map<number, { resolve: (ack: any) => void, reject: (error: Error) => void, timer: any, sentAt: number }>}
   */
  #awaiting = new Map();

  /** @type {any} */ #retryTimer;
  /** @type {any} */ #deadlineTimer;
  /** @type {any} */ #steadyTimer;

  /** @param {SocketOptions} options */
  constructor(options) {
    this.#options = options;
  }

  get state() {
    return this.#state;
  }

  /**
   * Calls `fn` with the data of each server event of that name; returns a function that stops it.
   * @param {string} name @param {(data: any) => void} fn
   */
  on(name, fn) {
    return this.#events.on(name, fn);
  }

  /**
   * Calls `fn(state, reason)` whenever the state changes.
   * @param {(state: SocketState, reason: string) => void} fn
   */
  onState(fn) {
    return this.#states.on("state", ({ state, reason }) => fn(state, reason));
  }

  /**
   * Sends an event and returns what the server acknowledges it with.
   * @param {string} name @param {unknown} data
   * @returns {Promise<any>} rejected with NotSent when there is no connection, it breaks, or no answer comes in time
   */
  send(name, data) {
    if (this.#state !== "online") return Promise.reject(new NotSent("offline"));
    this.#lastAckId += 1;
    const id = this.#lastAckId;
    const packet = encodeEvent(name, data, id);
    // The server would close the connection over it, for this message and every retry.
    const limit = this.#handshake?.maxPayload ?? Infinity;
    if (byteLength(packet) > limit) return Promise.resolve({ ok: false, code: "too_large", error: "" });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#ackTimedOut(id), ACK_MS);
      this.#awaiting.set(id, { resolve, reject, timer, sentAt: Date.now() });
      this.#write(packet);
    });
  }

  /** Wants a connection: makes one unless there is one. Cuts any waiting short. */
  open() {
    this.#wanted = true;
    clearTimeout(this.#retryTimer);
    if (this.#wire && this.#isSilent()) this.#lose("silent");
    if (this.#wire) return;
    clearTimeout(this.#retryTimer);
    this.#dial();
  }

  /** Wants no connection until the next open(). */
  close() {
    this.#wanted = false;
    clearTimeout(this.#retryTimer);
    this.#drop("closed");
    this.#enter("offline", "closed");
  }

  /** The network is said to be gone: believes it, and tries again as after any loss. */
  lost() {
    if (this.#wire) this.#lose("network");
  }

  #dial() {
    /** @type {WebSocket} */
    let wire;
    try {
      const Wire = this.#options.WebSocket ?? globalThis.WebSocket;
      wire = new Wire(`${this.#options.url}?EIO=4&transport=websocket`);
    } catch {
      this.#lose("impossible");
      return;
    }
    this.#wire = wire;
    // What an abandoned socket still says is not heard: only the present one may speak.
    const present = (/** @type {(event: any) => void} */ fn) => (/** @type {any} */ event) => {
      if (this.#wire === wire) fn(event);
    };
    wire.onmessage = present(({ data }) => this.#hear(data));
    wire.onclose = present(() => this.#lose("closed"));
    wire.onerror = present(() => this.#lose("error"));
    this.#deadline(HANDSHAKE_MS, "handshake");
  }

  /** @param {unknown} frame */
  #hear(frame) {
    let packet;
    try {
      packet = decode(frame);
    } catch {
      // Skipping it might skip a message; a new connection catches up on whatever it was.
      this.#lose("malformed");
      return;
    }
    this.#heardAt = Date.now();
    if (this.#state === "online") this.#expectPing();
    this.#handle(packet);
  }

  /** @param {import("./lib/packets.js").Packet} packet */
  #handle(packet) {
    switch (packet.type) {
      case "open":
        this.#handshake = packet;
        this.#handshakeFailures = 0;
        this.#write(CONNECT);
        break;
      case "ping": this.#write(encodePong(packet.data)); break;
      case "connected": this.#connected(); break;
      case "refused": this.#refused(packet.reason); break;
      case "event":
        if (packet.id !== null) this.#write(encodeAck(packet.id));
        if (this.#state === "online") this.#events.emit(packet.name, packet.data);
        else this.#early.push(packet);
        break;
      case "ack": this.#settle(packet.id, ({ resolve }) => resolve(packet.data)); break;
      case "disconnected": case "close": this.#lose(packet.type); break;
      default: break;
    }
  }

  #connected() {
    if (!this.#handshake || this.#state === "online") return;
    this.#steadyTimer = setTimeout(() => { this.#failures = 0; }, STEADY_MS);
    this.#plainWorked = false;
    this.#expectPing();
    this.#enter("online");
    for (const { name, data } of this.#early.splice(0)) this.#events.emit(name, data);
  }

  /** @param {string} reason */
  #refused(reason) {
    this.#drop("refused");
    this.#enter("refused", reason);
    this.#failures += 1;
    this.#retryIn(REFUSED_MS + backoffMs(this.#failures, this.#options.random));
  }

  /** The socket is of no use any more: lets go of it and plans the next. @param {string} reason */
  #lose(reason) {
    const wasOnline = this.#state === "online";
    if (!this.#handshake) this.#handshakeFailures += 1;
    this.#drop(reason);
    if (!this.#wanted) return;
    if (wasOnline) this.#enter("connecting", reason);
    else if (this.#isImpossible()) this.#enter("unavailable", reason);
    else this.#enter("offline", reason);
    const wait = backoffMs(this.#failures, this.#options.random);
    this.#retryIn(this.#state === "unavailable" ? UNAVAILABLE_RETRY_MS : wait);
    this.#failures += 1;
    this.#askPlainly();
  }

  /** Closes the wire, if any, and gives up on what was to come over it. @param {string} reason */
  #drop(reason) {
    const wire = this.#wire;
    this.#wire = null;
    this.#handshake = null;
    this.#early = [];
    clearTimeout(this.#deadlineTimer);
    clearTimeout(this.#steadyTimer);
    for (const id of [...this.#awaiting.keys()]) this.#settle(id, ({ reject }) => reject(new NotSent(reason)));
    try {
      wire?.close();
    } catch {
      // It never opened.
    }
  }

  /** @param {number} ms */
  #retryIn(ms) {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.open(), ms);
  }

  /**
   * Whether something between us and the server stops WebSocket: plain HTTP answered after a failed
   * handshake, and yet the next handshake failed too. (In the other order a server that was just starting
   * would look the same.)
   */
  #isImpossible() {
    return this.#handshakeFailures >= 3 && this.#plainWorked;
  }

  async #askPlainly() {
    if (!this.#handshakeFailures || !this.#options.plainWorks) return;
    const worked = await this.#options.plainWorks().catch(() => false);
    if (this.#state !== "online") this.#plainWorked = worked;
  }

  /** The server pings every pingInterval; without a sign of life for that and pingTimeout it is gone. */
  #expectPing() {
    if (this.#handshake) this.#deadline(this.#silenceMs(), "ping");
  }

  /** Timers sleep with the computer; the clock does not. */
  #isSilent() {
    return this.#state === "online" && Date.now() - this.#heardAt > this.#silenceMs();
  }

  #silenceMs() {
    return this.#handshake ? this.#handshake.pingInterval + this.#handshake.pingTimeout + PING_GRACE_MS : Infinity;
  }

  /** @param {number} ms @param {string} reason */
  #deadline(ms, reason) {
    clearTimeout(this.#deadlineTimer);
    this.#deadlineTimer = setTimeout(() => this.#lose(reason), ms);
  }

  /** @param {number} id */
  #ackTimedOut(id) {
    const sentAt = this.#awaiting.get(id)?.sentAt ?? 0;
    this.#settle(id, ({ reject }) => reject(new NotSent("no answer")));
    // Not a word since it was sent: the wire is dead, and waiting for the ping to say so would cost half a
    // minute.
    if (this.#heardAt < sentAt) this.#lose("silent");
  }

  /**
   * @param {number} id
   * @param {(call: { resolve: (ack: any) => void, reject: (error: Error) => void }) => void} how
   */
  #settle(id, how) {
    const call = this.#awaiting.get(id);
    if (!call) return;
    this.#awaiting.delete(id);
    clearTimeout(call.timer);
    how(call);
  }

  /** @param {string} packet */
  #write(packet) {
    // A wire that is closing swallows this quietly; onclose follows and settles what waits.
    if (this.#wire?.readyState === 1) this.#wire.send(packet);
  }

  /** @param {SocketState} state @param {string} [reason] */
  #enter(state, reason = "") {
    if (state === this.#state) return;
    this.#state = state;
    this.#states.emit("state", { state, reason });
  }
}

/**
 * Ties a socket to its page: none while the page is put away, at once a new one when it is looked at again or
 * the network returns.
 * @param {Socket} socket @param {Window} page
 */
export function followPage(socket, page) {
  page.addEventListener("pagehide", () => socket.close());
  page.addEventListener("pageshow", (event) => { if (event.persisted) socket.open(); });
  page.addEventListener("online", () => socket.open());
  page.addEventListener("offline", () => socket.lost());
  page.document.addEventListener("visibilitychange", () => {
    if (page.document.visibilityState === "visible") socket.open();
  });
}

/** @param {string} text */
function byteLength(text) {
  return new TextEncoder().encode(text).length;
}
