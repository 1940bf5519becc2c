// @ts-check
// What is asked with a message, for its reader: buttons that can be pressed, who has seen it, and when it is over.

import { me, say } from "../house.js";
import { page } from "../page.js";
import { icon, make } from "./make.js";
import { tellTime } from "./time-texts.js";

/** A phone that slept is late in any case; and no timer may wait for more than 24 days. */
const LOOK_MS = 60_000;

/** What one was told when a button did not do it, by the message's id: it outlives the drawing anew. @type {Map<string, string>} */
const notes = new Map();
/** Messages whose cards come to an end. @type {Set<HTMLElement>} */
const ending = new Set();
/** What those are called whom a line is about, by their ids: its own words take the place of the names. @type {WeakMap<Element, Map<number, string>>} */
const called = new WeakMap();
/** @type {any} */
let timer;

/** Makes the card of a message the reader's own. @param {HTMLElement} message */
export function dressCard(message) {
  const card = cardOf(message);
  if (!card) return;
  for (const time of card.querySelectorAll("time")) tellTime(time, "when");
  card.querySelector(".action-card__sign")?.replaceChildren(icon("check"));
  for (const link of card.querySelectorAll("a.action-card__choice")) link.replaceWith(button(/** @type {HTMLElement} */ (link)));
  if (mayAnswer()) card.querySelector(".action-card__choices")?.after(make("p", { class: "action-card__hint", text: say("card.first_counts") }));
  if (Number(message.dataset.authorId) === me?.id) card.querySelector(".action-card__ack")?.remove();
  showNote(message, notes.get(message.dataset.id ?? "") ?? "");
  showEnd(message);
  if (card.dataset.expiresAt && !isOver(card)) watch(message);
}

/** Whether nobody can answer any more. @param {HTMLElement} card */
function isOver(card) {
  return Boolean(card.dataset.expiresAt) && Date.parse(card.dataset.expiresAt ?? "") <= Date.now();
}

/** Says below the buttons why a tap did not count; "" is nothing. @param {HTMLElement} message @param {string} sentence */
export function showNote(message, sentence) {
  const { id = "" } = message.dataset;
  if (sentence) notes.set(id, sentence);
  else notes.delete(id);
  const card = cardOf(message);
  card?.querySelector(".action-card__note")?.remove();
  if (sentence) card?.append(make("p", { class: "action-card__note", role: "alert", text: sentence }));
}

/** Lets its buttons be pressed, or not. @param {HTMLElement} message @param {{ pressed?: HTMLElement | null }} [options] pressed: waits for its answer */
export function showState(message, { pressed = null } = {}) {
  const card = cardOf(message);
  if (!card) return;
  card.classList.toggle("action-card--answering", pressed !== null);
  /** @type {NodeListOf<HTMLButtonElement>} */
  const buttons = card.querySelectorAll("button.action-card__choice");
  for (const it of buttons) {
    it.disabled = pressed !== null || isOver(card) || !mayAnswer();
    it.toggleAttribute("data-pressed", it === pressed);
    it.setAttribute("aria-busy", String(it === pressed));
  }
}

/** @param {HTMLElement} message @returns {HTMLElement | null} */
function cardOf(message) {
  return message.querySelector(".action-card");
}

function mayAnswer() {
  return document.querySelector("action-cards[data-may-answer]") !== null;
}

/** @param {HTMLElement} link */
function button(link) {
  const { actionId = "", confirm } = link.dataset;
  const isAck = link.classList.contains("action-card__ack");
  return make("button", {
    class: link.className, type: "button", dir: "auto", data: { actionId, ...(confirm && { confirm }) },
  }, isAck ? [icon("check"), new Text(say("card.ack"))] : [...link.childNodes]);
}

/** "Seen by Ada, you; waiting for Cleo", or who has not seen it by the end. @param {HTMLElement} card */
function showSeen(card) {
  const line = card.querySelector(".action-card__people");
  if (!(line instanceof HTMLElement)) return;
  const ids = (/** @type {string | undefined} */ list) => (list ?? "").split(" ").filter(Boolean).map(Number);
  const [seen, waiting] = [ids(line.dataset.seen), ids(line.dataset.waiting)];
  const names = called.get(line) ?? new Map([...line.querySelectorAll(".action-card__person")].map((it) => (
    [Number(/** @type {HTMLElement} */ (it).dataset.personId), it.textContent ?? ""])));
  called.set(line, names);
  const list = new Intl.ListFormat(page.locale, { type: "unit", style: "short" });
  const listed = (/** @type {number[]} */ of) => (
    list.format(of.map((id) => (id === me?.id ? say("reaction.you") : isolated(names.get(id) ?? "")))));
  const over = isOver(card);
  if (seen.length && waiting.length) {
    const words = { seen: listed(seen), waiting: listed(waiting) };
    line.textContent = say(over ? "card.seen_and_not" : "card.seen_and_waiting", words);
  } else if (seen.length) line.textContent = say("card.seen", { names: listed(seen) });
  else if (waiting.length) line.textContent = say(over ? "card.not_seen" : "card.waiting", { names: listed(waiting) });
  else line.textContent = "";
  if (seen.includes(me?.id ?? 0)) card.querySelector(".action-card__ack")?.remove();
}

/** A name that keeps its own direction of writing within a sentence. @param {string} name */
function isolated(name) {
  return `\u2068${name}\u2069`;
}

/** Until when it can be answered, or that this is over. @param {HTMLElement} message */
function showEnd(message) {
  const card = cardOf(message);
  if (!card) return;
  const over = isOver(card);
  card.classList.toggle("action-card--over", over);
  card.querySelector(".action-card__end-words")?.replaceChildren(icon("clock"), new Text(say(over ? "card.over" : "card.until")));
  const isOpen = card.querySelector(".action-card__choices") !== null;
  const outcome = card.querySelector(".action-card__outcome");
  if (outcome) outcome.textContent = over && isOpen ? ` · ${say("card.nobody")}` : "";
  showSeen(card);
  showState(message);
}

/** Has the card end on time. @param {HTMLElement} message */
function watch(message) {
  ending.add(message);
  clearTimeout(timer);
  const left = [...ending].map((it) => Date.parse(cardOf(it)?.dataset.expiresAt ?? "") - Date.now());
  const next = Math.min(...left.filter((ms) => !Number.isNaN(ms)), LOOK_MS);
  timer = setTimeout(look, Math.max(0, next) + 50);
}

function look() {
  for (const message of [...ending]) {
    const card = message.isConnected ? cardOf(message) : null;
    if (!card?.dataset.expiresAt || isOver(card)) ending.delete(message);
    if (card && isOver(card)) showEnd(message);
  }
  const [first] = ending;
  if (first) watch(first);
}

globalThis.document?.addEventListener("visibilitychange", look);
