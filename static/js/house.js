// @ts-check
// The one meeting point of transport and elements: what everybody on this page asks, hears and keeps.

import { BlobStore } from "./lib/blob-store.js";
import { newClientId } from "./lib/client-id.js";
import { Emitter } from "./lib/emitter.js";
import { OutboxFiles } from "./lib/outbox-files.js";
import { Outbox, missing } from "./lib/outbox.js";
import { Shelf, browserStorage } from "./lib/shelf.js";
import { Times } from "./lib/times.js";
import { Uploads } from "./lib/uploads.js";
import { at, page, say } from "./page.js";
import { sendFile } from "./parts/sending-file.js";
import { NotSent, Socket, followPage } from "./socket.js";
import { Transport } from "./transport.js";

export { say };
export const { me } = page;
export const times = new Times(page.locale, page.timezone);
export const shelf = new Shelf(browserStorage("localStorage"));
export const uploads = new Uploads(sendFile);
export const outboxFiles = new OutboxFiles({ store: new BlobStore(() => indexedDB), personId: me?.id ?? 0 });

const socket = new Socket({ url: socketUrl(), plainWorks: () => transport.reachesHouse() });
export const transport = new Transport({ socket, root: page.root, csrf: page.csrf, isWatched });

/** Whether the server has said on this line to whom it speaks: somebody else may have signed in here meanwhile. */
let isGreeted = false;

/**
 * What elements tell each other: "outbox" when its entries changed, "posted" when the person wrote something
 * here, "message" with a payload, by whatever way it came, "answering" and "revising" when the person is about to;
 * "moved" when more of a waiting message's files is there, "taken-back" when one is not to be sent after all.
 */
const LOCAL = new Set(["outbox", "posted", "message", "answering", "revising", "moved", "taken-back"]);
const local = new Emitter();

export const outbox = new Outbox({
  shelf,
  personId: me?.id ?? 0,
  tab: tabName(),
  newId: newClientId,
  locks: navigator.locks,
  send: async ({ room_id, body, client_id, reply_to, files }) => {
    if (socket.state === "online" && !isGreeted) throw new NotSent("offline");
    const upload_ids = files?.map(({ id }) => id);
    return transport.send("message:send", {
      room_id, body, client_id, ...(reply_to && { reply_to_id: reply_to.id }), ...(upload_ids && { upload_ids }),
    });
  },
  bring: async ({ room_id }, { key }, progress) => {
    const file = await outboxFiles.get(key);
    return file ? uploads.bring(key, room_id, file, progress) : { why: say("files.gone"), isGone: true };
  },
  forget: (files) => { outboxFiles.forget(files.map(({ key }) => key)); },
  moved: ({ room_id, client_id }, share) => local.emit("moved", { room_id, client_id, share }),
  delivered: (ack) => { if (ack.message) messageArrived(ack.message); },
  changed: () => local.emit("outbox"),
});

/** @typedef {import("./lib/outbox.js").OutboxFile & { file?: File }} OutgoingFile   with its bytes, where they are at hand */

/**
 * The room that is open on this page, and whether its reader has its newest messages before their eyes.
 * @type {{ id: number, isAttended: () => boolean } | null}
 */
export let openRoom = null;

/** @param {typeof openRoom} room */
export function enterRoom(room) {
  openRoom = room;
}

/**
 * Asks the house.
 * @param {string} event @param {any} data @returns {Promise<any>} rejected when it cannot be reached
 */
export function ask(event, data) {
  return transport.send(event, data);
}

/** Tells the house something that may as well get lost. @param {string} event @param {any} data */
export function mention(event, data) {
  transport.send(event, data).catch(() => {});
}

/**
 * Keeps a message, shows it as waiting, and sends it as soon as that is possible.
 * @param {number} roomId @param {string} body
 * @param {{ replyTo?: import("./lib/outbox.js").Quoted | null, files?: OutgoingFile[] }} [besides] what it answers, and files
 */
export function post(roomId, body, { replyTo, files = [] } = {}) {
  // What the house has already need not be written to a phone's memory.
  for (const { key, id, file } of files) if (file) outboxFiles.keep(key, file, { outlives: !id });
  outbox.add(roomId, body, { replyTo, files: files.map(({ file, ...known }) => known) });
  local.emit("posted", { room_id: roomId });
  outbox.flush();
}

/** What waits is not to be sent after all; its words and files are offered to be changed. @param {string} clientId */
export async function takeBack(clientId) {
  const found = outbox.find(clientId)?.files ?? [];
  const bytes = await Promise.all(found.map(({ key }) => outboxFiles.get(key)));
  const entry = outbox.find(clientId);
  if (!entry) return; // It has just gone.
  outbox.remove(clientId);
  const files = (entry.files ?? []).map((file, index) => ({ ...file, file: bytes[index] }));
  local.emit("taken-back", { room_id: entry.room_id, entry, files });
}

/** Whether leaving this page would lose files of messages that wait: the browser does not keep them. */
export function hasFilesOnlyHere() {
  return outbox.entries().some((entry) => missing(entry).some(({ key }) => outboxFiles.isOnlyHere(key)));
}

/**
 * Changes a message, and shows it as it is then.
 * @param {string} event @param {{ message_id: number, [more: string]: any }} data
 * @returns {Promise<string>} "" when it is done, else the sentence that says why not
 */
export async function change(event, data) {
  const reply = await ask(event, data).catch(() => null);
  if (!reply) return say("change.unreachable");
  if (!reply.ok) return reply.error;
  messageArrived(reply.message);
  return "";
}

/** The person is about to answer a message of a room. @param {number} roomId @param {import("./lib/outbox.js").Quoted} quoted */
export function answer(roomId, quoted) {
  local.emit("answering", { room_id: roomId, quoted });
}

/**
 * The person is about to edit a message of theirs.
 * @param {number} roomId @param {Promise<{ id: number, body: string } | null>} written what it says, which has to be
 *   fetched; null when that failed
 */
export function revise(roomId, written) {
  local.emit("revising", { room_id: roomId, written });
}

/**
 * Listens until `signal` aborts: to server events, to "state" and "sync" of the transport, and to "outbox",
 * "posted", "message", "answering", "revising", "moved" and "taken-back" of this page.
 * @param {string} event @param {(data: any) => void} fn @param {AbortSignal} signal
 */
export function listen(event, fn, signal) {
  if (event === "state" || event === "sync") transport.onLocal(event, fn, { signal });
  else if (LOCAL.has(event)) local.on(event, fn, { signal });
  else transport.on(event, fn, { signal });
}

/** Says goodbye to the page. @param {string} path */
export function goTo(path) {
  location.assign(at(path));
}

/** Whether somebody may be looking: the page is not hidden. */
export function isWatched() {
  return document.visibilityState === "visible";
}

/** Opens the line; called once, when all elements listen. */
export function moveIn() {
  const forever = new AbortController().signal;
  listen("message:posted", messageArrived, forever);
  listen("message:changed", messageArrived, forever);
  listen("message:answered", messageArrived, forever);
  listen("state", ({ state }) => {
    if (state === "online") outbox.flush();
    else isGreeted = false;
  }, forever);
  listen("server:hello", ({ person_id }) => greeted(person_id), forever);
  listen("sync", () => outbox.flush(), forever);
  // Another tab of the same person wrote, retried or gave something up.
  window.addEventListener("storage", ({ key }) => { if (outbox.owns(key)) local.emit("outbox"); });
  document.addEventListener("visibilitychange", () => { if (isWatched()) transport.sync(); });
  window.addEventListener("pageshow", ({ persisted }) => { if (persisted) transport.sync(); });
  outboxFiles.forgetAllBut(() => outbox.entries().flatMap(({ files = [] }) => files.map(({ key }) => key)));
  followPage(socket, window);
  socket.open();
}

/** @param {number} personId to whom the server speaks; what waits here goes out in nobody else's name */
function greeted(personId) {
  isGreeted = personId === me?.id;
  if (isGreeted) outbox.flush();
  else transport.end("");
}

/**
 * A message came live, as the answer to sending, or with a catch-up: one path for all.
 * @param {any} payload
 */
function messageArrived(payload) {
  // The answer to our sending may be lost while the message itself comes around.
  if (payload.author?.id === me?.id && payload.client_id) outbox.remove(payload.client_id);
  local.emit("message", payload);
}

function socketUrl() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}${at("/socket.io/")}`;
}

/** A name for this tab that outlives a reload, so that what it left is sent at once and not adopted later. */
function tabName() {
  const session = new Shelf(browserStorage("sessionStorage"));
  const name = session.get("homechat:tab") ?? newClientId();
  session.set("homechat:tab", name);
  return name;
}
