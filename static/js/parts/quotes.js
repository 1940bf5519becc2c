// @ts-check
// What a message answers, in one line above its text: templates/messages/_message.html, for its reader.

import { say } from "../house.js";
import { plainText, previewOf } from "../lib/text.js";
import { at } from "../page.js";
import { make } from "./make.js";

/** @typedef {{ id: number, author_name: string, preview: string }} Quoted */

/** Of a message that still waits to be sent. @param {Quoted} quoted */
export function quoteOf({ id, author_name, preview }) {
  return make("a", { class: "quote", href: at(`/messages/${id}`), data: { quotedId: id } }, [
    make("span", { class: "quote__author", text: author_name, dir: "auto" }),
    make("span", { class: "quote__words", text: preview, dir: "auto" }),
  ]);
}

/** What somebody answers, taken from its bubble. @param {HTMLElement} message @returns {Quoted} */
export function quotedFrom(message) {
  const author_name = message.querySelector(".message__author")?.textContent?.trim() ?? "";
  return { id: Number(message.dataset.id), author_name, preview: previewFrom(message) };
}

/** Adds the reader's words to what a message answers. @param {HTMLElement} message */
export function dressQuote(message) {
  /** @type {HTMLElement | null} */
  const quote = message.querySelector(".quote");
  if (!quote) return;
  if ("quotedHidden" in quote.dataset) write(quote, ".quote__author", say("quote.earlier"));
  if ("quotedDeleted" in quote.dataset) write(quote, ".quote__words", say("message.deleted"));
}

/**
 * A message changed: those that answer it show it as it is now.
 * @param {ParentNode} list @param {HTMLElement} message
 */
export function quoteAgain(list, message) {
  const quotes = list.querySelectorAll(`.quote[data-quoted-id="${Number(message.dataset.id)}"]`);
  for (const quote of /** @type {NodeListOf<HTMLElement>} */ (quotes)) {
    if ("quotedHidden" in quote.dataset) continue;
    quote.toggleAttribute("data-quoted-deleted", "deleted" in message.dataset);
    write(quote, ".quote__words", previewFrom(message));
  }
}

/** @param {HTMLElement} message */
function previewFrom(message) {
  const body = message.querySelector(".message__body");
  return body ? previewOf(plainText(body)) : "";
}

/** @param {HTMLElement} quote @param {string} part @param {string} text */
function write(quote, part, text) {
  const element = quote.querySelector(part);
  if (element) element.textContent = text;
}
