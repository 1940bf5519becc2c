// @ts-check
// <newcomer-badge>: how many people wait to be let in, for those who let people in.

import { listen, say } from "../house.js";
import { hiddenWords, make } from "../parts/make.js";

class NewcomerBadge extends HTMLElement {
  /** @type {AbortController} */
  #leaving;

  connectedCallback() {
    if (this.#leaving) return;
    this.#leaving = new AbortController();
    listen("newcomer:waiting", ({ count }) => this.#show(count), this.#leaving.signal);
  }

  disconnectedCallback() {
    this.#leaving?.abort();
  }

  /** @param {number} count */
  #show(count) {
    const number = make("span", { class: "sidebar__count", "aria-hidden": "true", text: String(count) });
    const words = hiddenWords(say("newcomers.waiting", { count }));
    this.replaceChildren(...(count > 0 ? [number, words] : []));
  }
}

customElements.define("newcomer-badge", NewcomerBadge);
