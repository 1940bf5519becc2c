// @ts-check

import { say } from "../house.js";
import { make } from "./make.js";
import { fileCount } from "./message-files.js";

const GATHER_MS = 500;
const SPOKEN_ONE_BY_ONE = 3;
const KEPT_LINES = 20;

/**
 * Says new messages to those who listen, once each. The visible list cannot do that: dividers, ticks, older
 * pages and the change from a pending to a sent bubble would all be read out as news.
 */
export class Announcer {
  #log;
  /** @type {string[]} */
  #waiting = [];
  /** @type {any} */
  #timer;

  /** @param {HTMLElement} host */
  constructor(host) {
    const label = say("messages.announced");
    this.#log = make("div", { class: "visually-hidden", role: "log", "aria-live": "polite", "aria-label": label });
    host.append(this.#log);
  }

  /** @param {HTMLElement} message */
  announce(message) {
    const name = wordsOf(message, [".message__author", ".message__label"]).join(", ");
    const words = wordsOf(message, [".message__title", ".message__body"]).join(": ");
    const count = fileCount(message);
    const text = [words, count ? say("files.count", { count }) : ""].filter(Boolean).join(", ");
    this.say(say("messages.announcement", { name, text }));
  }

  /** @param {string} text */
  say(text) {
    this.#waiting.push(text);
    this.#timer ??= setTimeout(() => this.#speak(), GATHER_MS);
  }

  #speak() {
    this.#timer = undefined;
    const lines = this.#waiting.splice(0);
    const spoken = lines.length > SPOKEN_ONE_BY_ONE ? [say("messages.arrived", { count: lines.length })] : lines;
    this.#log.append(...spoken.map((text) => make("p", { text })));
    while (this.#log.childElementCount > KEPT_LINES) this.#log.firstElementChild?.remove();
  }
}

/** What stands in these parts of a message, as far as it has them. @param {Element} message @param {string[]} parts */
function wordsOf(message, parts) {
  return parts.map((part) => message.querySelector(part)?.textContent?.trim()).filter(Boolean);
}
