// @ts-check
// <connection-pill>: says quietly how it stands with the line to the house, and nothing when all is well.

import { goTo, listen, me, say, transport } from "../house.js";
import { page } from "../page.js";
import { make } from "../parts/make.js";

/** A line that is back within this time was never worth a word. */
const PATIENCE_MS = 1_500;
const BACK_ONLINE_MS = 2_000;
const GOODBYE_MS = 2_500;

/** Why the server may end a session, as far as we have words for it; its own sentence is in its own language. */
const ENDINGS = new Set(["signed_out", "revoked", "role_changed", "password_changed", "locked_down"]);

class ConnectionPill extends HTMLElement {
  /** @type {AbortController} */
  #leaving;
  /** @type {any} */
  #timer;
  #worried = false;
  #isOutdated = false;

  connectedCallback() {
    if (!me || this.#leaving) return;
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    listen("state", ({ state, reason }) => this.#changed(state, reason), signal);
    listen("server:hello", ({ build, contract }) => this.#compare(build, contract), signal);
    this.#changed(transport.state, "");
  }

  disconnectedCallback() {
    this.#leaving?.abort();
    clearTimeout(this.#timer);
  }

  /** @param {import("../transport.js").TransportState} state @param {string} reason */
  #changed(state, reason) {
    clearTimeout(this.#timer);
    if (state === "ended") this.#ended(reason);
    else if (this.#isOutdated) this.#showOutdated();
    else if (state === "online") this.#online();
    else this.#waiting(state);
  }

  #online() {
    if (!this.#worried) {
      this.hidden = true;
      return;
    }
    this.#worried = false;
    this.#show("back", say("connection.back"));
    this.#timer = setTimeout(() => { this.hidden = true; }, BACK_ONLINE_MS);
  }

  /** @param {"connecting" | "offline"} state */
  #waiting(state) {
    const tell = () => {
      this.#worried = true;
      this.#show(state, say(`connection.${state}`));
    };
    if (this.#worried) tell();
    else this.#timer = setTimeout(tell, PATIENCE_MS);
  }

  /**
   * The page came with other files than the server speaks for now.
   * @param {string} build @param {number} contract
   */
  #compare(build, contract) {
    if (build === page.build && contract === page.contract) return;
    this.#isOutdated = true;
    this.#changed(transport.state, "");
  }

  #showOutdated() {
    const reload = make("button", { class: "connection-pill__action", type: "button", text: say("connection.reload") });
    reload.addEventListener("click", () => location.reload());
    this.#show("outdated", say("connection.outdated"), reload);
  }

  /** @param {string} reason */
  #ended(reason) {
    this.#show("ended", say(ENDINGS.has(reason) ? `ended.${reason}` : "connection.ended"));
    const back = location.pathname + location.search;
    setTimeout(() => {
      // Still signed in: the page itself says until when, and comes back by itself.
      if (reason === "locked_down") location.reload();
      else goTo(`/sign-in?next=${encodeURIComponent(back)}`);
    }, GOODBYE_MS);
  }

  /** @param {string} state @param {string} text @param {HTMLElement[]} actions */
  #show(state, text, ...actions) {
    this.hidden = false;
    this.dataset.state = state;
    this.replaceChildren(make("span", { class: "connection-pill__words", text }), ...actions);
  }
}

customElements.define("connection-pill", ConnectionPill);
