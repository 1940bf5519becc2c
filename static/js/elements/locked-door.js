// @ts-check
// <locked-door data-ask data-onward>: asks every half minute whether the house is open again, and then goes in.

import { Knocking } from "../lib/knocking.js";

class LockedDoor extends HTMLElement {
  /** @type {AbortController} */
  #leaving;

  connectedCallback() {
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    const knocking = new Knocking({ ask: () => this.#ask(), opened: () => location.replace(this.dataset.onward ?? "/") });
    signal.addEventListener("abort", () => knocking.end());
    window.addEventListener("online", () => knocking.now(), { signal });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") knocking.now();
    }, { signal });
    knocking.begin();
  }

  disconnectedCallback() {
    this.#leaving.abort();
  }

  async #ask() {
    const headers = { Accept: "application/json" };
    const { status } = await fetch(this.dataset.ask ?? "/", { headers, cache: "no-store" });
    return status;
  }
}

customElements.define("locked-door", LockedDoor);
