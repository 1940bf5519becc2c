// @ts-check
// Engine.IO 4 and Socket.IO 5 packets as text, for WebSocket and the namespace "/" only.
// https://github.com/socketio/engine.io-protocol and https://github.com/socketio/socket.io-protocol

/**
 * @typedef {(
 *   | { type: "open", sid: string, pingInterval: number, pingTimeout: number, maxPayload: number }
 *   | { type: "close" }
 *   | { type: "ping", data: string }
 *   | { type: "idle" }
 *   | { type: "connected", sid: string }
 *   | { type: "refused", reason: string }
 *   | { type: "disconnected" }
 *   | { type: "event", name: string, data: any, id: number | null }
 *   | { type: "ack", id: number, data: any }
 * )} Packet
 */

export class MalformedPacket extends Error {}

/** The packet that asks for the namespace "/". */
export const CONNECT = "40";

/**
 * The text of an event. A number as `id` asks the other side for an acknowledgement.
 * @param {string} name
 * @param {unknown} data
 * @param {number | null} [id]
 */
export function encodeEvent(name, data, id = null) {
  return `42${id ?? ""}${JSON.stringify(data === undefined ? [name] : [name, data])}`;
}

/** @param {number} id */
export function encodeAck(id) {
  return `43${id}[]`;
}

/** @param {string} data what came with the ping, to be sent back */
export function encodePong(data) {
  return `3${data}`;
}

/**
 * What one WebSocket text frame says.
 * @param {unknown} frame
 * @returns {Packet}
 * @throws {MalformedPacket} for anything a server that keeps to the protocol would not send us
 */
export function decode(frame) {
  if (typeof frame !== "string" || frame === "") throw new MalformedPacket("not a text packet");
  const rest = frame.slice(1);
  switch (frame[0]) {
    case "0": return decodeOpen(rest);
    case "1": return { type: "close" };
    case "2": return { type: "ping", data: rest };
    case "3": case "6": return { type: "idle" };
    case "4": return decodeMessage(rest);
    default: throw new MalformedPacket("unknown Engine.IO packet");
  }
}

/** @param {string} text @returns {Packet} */
function decodeOpen(text) {
  const { sid, pingInterval, pingTimeout, maxPayload = Infinity } = parseObject(text);
  const sane = typeof sid === "string" && [pingInterval, pingTimeout, maxPayload].every((number) => number > 0);
  if (!sane) throw new MalformedPacket("unusable handshake");
  return { type: "open", sid, pingInterval, pingTimeout, maxPayload };
}

/** @param {string} text @returns {Packet} */
function decodeMessage(text) {
  // A type, perhaps the default namespace spelled out, perhaps an ack id, perhaps JSON. Types 5 and 6
  // announce binary attachments, which this chat never uses.
  const parts = /^([0-4])(?:\/,)?(\d{1,15})?([[{"][^]*)?$/.exec(text);
  if (!parts) throw new MalformedPacket("unknown Socket.IO packet");
  const [, kind, digits, json] = parts;
  const id = digits === undefined ? null : Number(digits);
  switch (kind) {
    case "0": return { type: "connected", sid: String(parseObject(json ?? "{}").sid ?? "") };
    case "1": return { type: "disconnected" };
    case "2": return decodeEvent(parseArray(json), id);
    case "3":
      if (id === null) throw new MalformedPacket("acknowledgement of nothing");
      return { type: "ack", id, data: parseArray(json)[0] };
    default: return { type: "refused", reason: reasonIn(parse(json)) };
  }
}

/** @param {any[]} list @param {number | null} id @returns {Packet} */
function decodeEvent([name, data], id) {
  if (typeof name !== "string") throw new MalformedPacket("event without a name");
  return { type: "event", name, data, id };
}

/** @param {any} answer */
function reasonIn(answer) {
  const reason = typeof answer === "object" ? answer?.message : answer;
  return typeof reason === "string" ? reason : "";
}

/** @param {string | undefined} json */
function parseArray(json) {
  const list = parse(json);
  if (!Array.isArray(list)) throw new MalformedPacket("not a list");
  return list;
}

/** @param {string} json */
function parseObject(json) {
  const value = parse(json);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new MalformedPacket("not an object");
  return value;
}

/** @param {string | undefined} json */
function parse(json) {
  try {
    return JSON.parse(json ?? "");
  } catch {
    throw new MalformedPacket("not JSON");
  }
}
