// @ts-check
// The one meeting point of transport and elements: what everybody on this page asks, hears and keeps.

import { newClientId } from "./lib/client-id.js";
import { Emitter } from "./lib/emitter.js";
import { Outbox } from "./lib/outbox.js";
import { Shelf, browserStorage } from "./lib/shelf.js";
import { Times } from "./lib/times.js";
import { speaker } from "./lib/words.js";
import { at, page } from "./page.js";
import { Socket, followPage } from "./socket.js";
import { Transport } from "./transport.js";

export const { me } = page;
export const say = speaker(page.words, page.locale);
export const times = new Times(page.locale, page.timezone);
export const shelf = new Shelf(browserStorage("localStorage"));

const socket = new Socket({ url: socketUrl(), plainWorks: () => transport.reachesHouse() });
export const transport = new Transport({ socket, root: page.root, csrf: page.csrf, isWatched });

/**
 * What elements tell each other: "outbox" when its entries changed, "posted" when the person wrote something
 * here, "message" with a payload, by whatever way it came, "answering" and "revising" when the person is about to.
 */
const LOCAL = new Set(["outbox", "posted", "message", "answering", "revising"]);
const local = new Emitter();

export const outbox = new Outbox({
  shelf,
  personId: me?.id ?? 0,
  tab: tabName(),
  newId: newClientId,
  locks: navigator.locks,
  send: ({ room_id, body, client_id, reply_to, files }) => {
    const upload_ids = files?.map(({ id }) => id);
    return transport.send("message:send", {
      room_id, body, client_id, ...(reply_to && { reply_to_id: reply_to.id }), ...(upload_ids && { upload_ids }),
    });
  },
  delivered: (ack) => { if (ack.message) messageArrived(ack.message); },
  changed: () => local.emit("outbox"),
});

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
 * @param {import("./lib/outbox.js").Besides} [besides] what it answers, and files
 */
export function post(roomId, body, besides = {}) {
  outbox.add(roomId, body, besides);
  local.emit("posted", { room_id: roomId });
  outbox.flush();
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

/** The person is about to edit a message of theirs. @param {number} roomId @param {{ id: number, body: string }} message */
export function revise(roomId, message) {
  local.emit("revising", { room_id: roomId, message });
}

/**
 * Listens until `signal` aborts: to server events, to "state" and "sync" of the transport, and to "outbox",
 * "posted", "message", "answering" and "revising" of this page.
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
  listen("state", ({ state }) => { if (state === "online") outbox.flush(); }, forever);
  listen("sync", () => outbox.flush(), forever);
  // Another tab of the same person wrote, retried or gave something up.
  window.addEventListener("storage", ({ key }) => { if (outbox.owns(key)) local.emit("outbox"); });
  document.addEventListener("visibilitychange", () => { if (isWatched()) transport.sync(); });
  window.addEventListener("pageshow", ({ persisted }) => { if (persisted) transport.sync(); });
  followPage(socket, window);
  socket.open();
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
