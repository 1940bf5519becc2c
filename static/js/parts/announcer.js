// @ts-check

import { say } from "../house.js";
import { make } from "./make.js";

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
    const author = message.querySelector(".message__author")?.textContent?.trim() ?? "";
    const body = message.querySelector(".message__body")?.textContent?.trim() ?? "";
    this.#waiting.push(say("messages.announcement", { name: author, text: body }));
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
