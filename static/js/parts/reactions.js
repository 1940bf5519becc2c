// @ts-check
// The reactions below a message, for their reader: which are one's own, and who gave the others.

import { me, say } from "../house.js";
import { page } from "../page.js";
import { make } from "./make.js";

/** Turns the reactions that the server drew into buttons. @param {HTMLElement} message */
export function dressReactions(message) {
  /** @type {NodeListOf<HTMLElement>} */
  const links = message.querySelectorAll("a.reaction");
  for (const link of links) link.replaceWith(chip(link));
}

/** The emoji that the reader has put on a message. @param {Element} message */
export function ownReactions(message) {
  /** @type {NodeListOf<HTMLElement>} */
  const own = message.querySelectorAll(".reaction--own");
  return new Set([...own].map((it) => it.dataset.emoji ?? ""));
}

/** Who reacted how: "❤️ Ben, Mina · 😂 Cleo"; null where nobody did. @param {Element} message */
export function reactionLine(message) {
  /** @type {NodeListOf<HTMLElement>} */
  const chips = message.querySelectorAll(".reaction");
  const said = [...chips].map(({ title, dataset: { emoji = "" } }) => (
    make("span", { class: "reacted__one" }, [
      make("span", { class: "emoji", text: emoji }), new Text(` ${title.replace(emoji, "").trim()}`),
    ])));
  return said.length ? make("p", { class: "reacted" }, said) : null;
}

/** @param {HTMLElement} link */
function chip(link) {
  const { emoji = "", personIds = "" } = link.dataset;
  const ids = personIds.split(" ").map(Number);
  const isOwn = ids.includes(me?.id ?? 0);
  const words = wordsFor(emoji, ids, isOwn);
  return make("button", {
    class: isOwn ? "reaction reaction--own" : "reaction", type: "button", data: { emoji },
    title: words, "aria-label": words, "aria-pressed": isOwn,
  }, [...link.childNodes]);
}

/** Who it was, as far as their names are on this page, else how many. @param {string} emoji @param {number[]} ids @param {boolean} isOwn */
function wordsFor(emoji, ids, isOwn) {
  const others = ids.filter((id) => id !== me?.id);
  const names = others.map(nameOf);
  if (names.includes("")) return say("reaction.people", { emoji, count: ids.length });
  const list = new Intl.ListFormat(page.locale, { type: "conjunction" });
  return say("reaction.by", { emoji, names: list.format(isOwn ? [...names, say("reaction.you")] : names) });
}

/** @param {number} id */
function nameOf(id) {
  return document.querySelector(`.about [data-person-id="${Number(id)}"] .person__name`)?.textContent?.trim() ?? "";
}
