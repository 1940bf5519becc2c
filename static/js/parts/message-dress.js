// @ts-check
// What a message needs on this reader's page and nowhere else: the server sends it the same to everybody.

import { me, say, times } from "../house.js";
import { dressCard } from "./action-card.js";
import { hiddenWords, icon, make } from "./make.js";
import { dressFiles } from "./message-files.js";
import { dressQuote } from "./quotes.js";
import { dressReactions } from "./reactions.js";
import { tellTime } from "./time-texts.js";

/** @typedef {"waiting" | "sent" | "read" | "failed"} Delivery */

/**
 * A message as the list keeps it.
 * @typedef {{
 *   seq: number, changed_seq: number, client_id: string, author_id: number, at: number, day: string, kind: string,
 *   element: HTMLElement, divider?: HTMLElement, line?: HTMLElement,
 * }} Row
 */

const DRAWINGS = { waiting: "clock", sent: "check", read: "double-check", failed: "alert" };

/** Reads a message off its element. @param {HTMLElement} element @returns {Row} */
export function rowOf(element) {
  const { seq, changedSeq, clientId = "", authorId, at = "", kind = "text" } = element.dataset;
  const moment = Date.parse(at);
  return {
    seq: Number(seq), changed_seq: Number(changedSeq), client_id: clientId, author_id: Number(authorId),
    at: moment, day: Number.isNaN(moment) ? "" : times.dayKey(moment), kind, element,
  };
}

/** Adds the reader's words to a message: time, whose it is, edited, deleted, what it answers, reactions, buttons, its menu. @param {Row} row */
export function dress({ element, author_id }) {
  element.classList.toggle("message--own", author_id === me?.id);
  /** @type {HTMLTimeElement | null} */
  const time = element.querySelector(".message__time");
  if (time) tellTime(time, "message");
  const body = element.querySelector(".message__body");
  if (body && "deleted" in element.dataset) body.textContent = say("message.deleted");
  if ("edited" in element.dataset) {
    meta(element)?.prepend(make("span", { class: "message__edited", text: say("message.edited") }));
  }
  dressQuote(element);
  dressReactions(element);
  dressFiles(element);
  dressCard(element);
  element.querySelector("a.message__more")?.replaceWith(moreButton());
}

/** Shows how far one's own message has come. @param {HTMLElement} element @param {Delivery} delivery */
export function showDelivery(element, delivery) {
  const present = element.querySelector(".message__status");
  if (present instanceof HTMLElement && present.dataset.delivery === delivery) return;
  element.classList.toggle("message--read", delivery === "read");
  const sign = make("span", { class: "message__status", data: { delivery } }, [
    icon(DRAWINGS[delivery]), hiddenWords(say(`message.${delivery}`)),
  ]);
  if (present) present.replaceWith(sign);
  else meta(element)?.append(sign);
}

/**
 * Takes a changed message over into the element that stands for it already, so that nobody loses their place.
 * @param {HTMLElement} element @param {HTMLElement} changed
 */
export function takeOver(element, changed) {
  for (const name of element.getAttributeNames()) if (name.startsWith("data-")) element.removeAttribute(name);
  for (const { name, value } of changed.attributes) {
    if (name.startsWith("data-")) element.setAttribute(name, value);
  }
  element.replaceChildren(...changed.childNodes);
}

/** @param {Row} row @param {ReturnType<typeof import("../lib/grouping.js").marks>} marks */
export function showMarks(row, { grouped, lastOfGroup, startsDay, startsUnread }) {
  const { classList } = row.element;
  classList.toggle("message--grouped", grouped);
  classList.toggle("message--first-of-group", !grouped);
  classList.toggle("message--last-of-group", lastOfGroup);
  row.divider = keepBefore(row, row.divider, startsDay, dayDivider);
  row.line = keepBefore(row, row.line, startsUnread, newLine);
}

/** Removes a message with all that stands before it. @param {Row} row */
export function takeAway(row) {
  for (const element of [row.divider, row.line, row.element]) element?.remove();
}

/**
 * @param {Row} row @param {HTMLElement | undefined} present @param {boolean} wanted
 * @param {(row: Row) => HTMLElement} build
 */
function keepBefore(row, present, wanted, build) {
  if (!wanted) {
    present?.remove();
    return undefined;
  }
  if (present) return present;
  const element = build(row);
  row.element.before(element);
  return element;
}

/** @param {Row} row */
function dayDivider({ at }) {
  const time = make("time", { datetime: new Date(at).toISOString() });
  tellTime(time, "day");
  return make("li", { class: "day-divider", data: { day: times.dayKey(at) } }, [time]);
}

function newLine() {
  return make("li", { class: "new-line" }, [make("span", { text: say("messages.new") })]);
}

function moreButton() {
  const attributes = { class: "message__more", type: "button", tabindex: -1, "aria-haspopup": "dialog" };
  return make("button", attributes, [icon("more"), hiddenWords(say("menu.title"))]);
}

/** @param {HTMLElement} element */
function meta(element) {
  return element.querySelector(".message__meta");
}
