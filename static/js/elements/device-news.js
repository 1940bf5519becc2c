// @ts-check
// <device-news>: says at once that somebody signed in to this account on a new device. The next page says it by itself.
// It stands above the page, and --above says how high it is.

import { icon, make } from "../parts/make.js";
import { at } from "../page.js";
import { listen, say } from "../house.js";

class DeviceNews extends HTMLElement {
  /** @type {AbortController} */
  #leaving;

  connectedCallback() {
    if (this.#leaving) return;
    this.#leaving = new AbortController();
    listen("device:added", ({ name }) => this.#show(name), this.#leaving.signal);
    const measure = new ResizeObserver(() => {
      document.documentElement.style.setProperty("--above", `${this.offsetHeight}px`);
    });
    measure.observe(this);
    this.#leaving.signal.addEventListener("abort", () => measure.disconnect());
  }

  disconnectedCallback() {
    this.#leaving?.abort();
  }

  /** @param {string} name */
  #show(name) {
    const text = make("span", { text: say("device.added", { device: name }) });
    const words = make("p", { class: "device-news__words" }, [icon("device"), text]);
    const look = make("a", { class: "button", text: say("device.look"), href: at("/me") });
    this.replaceChildren(words, look);
    this.hidden = false;
  }
}

customElements.define("device-news", DeviceNews);
