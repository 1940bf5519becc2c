// @ts-check
// One line of the list of conversations: templates/rooms/_room_item.html, kept true by script.

import { badgeText } from "../lib/unread.js";
import { at } from "../page.js";
import { make } from "./make.js";
import { tellTime } from "./time-texts.js";

/**
 * @typedef {{
 *   room_id: number, kind: string, name: string, unread: number, last_read_seq: number, last_seq: number, muted: boolean,
 *   here: number, other: (import("../page.js").Person & { online: boolean }) | null,
 *   last_message: { author_name: string, preview: string, at: string } | null,
 * }} Item
 */

/**
 * An empty line for a room that was not in the page, put into the list.
 * @param {HTMLElement} host @param {Item} item @returns {HTMLElement}
 */
export function newItem(host, item) {
  const template = /** @type {HTMLTemplateElement} */ (host.querySelector("template[data-part=room-item]"));
  const element = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  element.dataset.roomId = String(item.room_id);
  element.dataset.kind = item.kind;
  element.querySelector("a")?.setAttribute("href", at(`/rooms/${item.room_id}`));
  if (!item.other) drawSign(host, element, item.kind);
  host.querySelector(".room-list__items")?.append(element);
  return element;
}

/** Writes the latest onto a line. @param {HTMLElement} element @param {Item} item */
export function drawItem(element, { name, unread, here, other, last_message }) {
  write(element, ".room-item__name", name);
  drawPreview(element.querySelector(".room-item__preview"), last_message, other);
  drawTime(element.querySelector("time"), last_message?.at);
  drawBadge(element, unread);
  element.querySelector(".presence-dot")?.toggleAttribute("data-online", other ? other.online : here > 0);
  if (other) drawFace(element, other);
}

/** @param {HTMLElement} element @param {boolean} isCurrent */
export function markCurrent(element, isCurrent) {
  element.classList.toggle("room-item--current", isCurrent);
  if (isCurrent) element.querySelector("a")?.setAttribute("aria-current", "page");
  else element.querySelector("a")?.removeAttribute("aria-current");
}

/** @param {Element | null} line @param {Item["last_message"]} message @param {Item["other"]} other */
function drawPreview(line, message, other) {
  const author = message && !other ? [make("bdi", { text: message.author_name }), ": "] : [];
  line?.replaceChildren(...author, message?.preview ?? "");
}

/** @param {HTMLTimeElement | null} time @param {string | undefined} moment */
function drawTime(time, moment) {
  if (!time || !moment) return;
  if (Date.parse(time.dateTime) !== Date.parse(moment)) {
    time.dateTime = moment;
    time.title = "";
  }
  tellTime(time, "brief");
}

/** @param {HTMLElement} element @param {number} unread */
function drawBadge(element, unread) {
  element.classList.toggle("room-item--unread", unread > 0);
  write(element, ".room-item__badge", badgeText(unread));
  const badge = element.querySelector(".room-item__badge");
  if (badge instanceof HTMLElement) badge.hidden = unread === 0;
}

/** @param {HTMLElement} element @param {NonNullable<Item["other"]>} person */
function drawFace(element, { id, initials, color }) {
  // From now on the dot follows presence:changed by itself.
  element.dataset.personId = String(id);
  const avatar = element.querySelector(".avatar");
  if (!(avatar instanceof HTMLElement)) return;
  if (avatar.textContent?.trim() !== initials) avatar.textContent = initials;
  avatar.dataset.color = String(color);
}

/** @param {HTMLElement} host @param {HTMLElement} element @param {string} kind */
function drawSign(host, element, kind) {
  const sign = host.querySelector(`template[data-part=room-sign][data-kind="${CSS.escape(kind)}"]`);
  const avatar = element.querySelector(".avatar");
  avatar?.classList.add("avatar--room");
  if (sign instanceof HTMLTemplateElement) avatar?.replaceChildren(sign.content.cloneNode(true));
}

/** @param {HTMLElement} element @param {string} part @param {string} text */
function write(element, part, text) {
  const target = element.querySelector(part);
  if (target && target.textContent !== text) target.textContent = text;
}
