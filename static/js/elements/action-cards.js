// @ts-check
// <action-cards>: pressing the buttons of messages. One that wants to be asked about first asks in a small window.
// Without us a button is a link to a page where it is a form.

import { change, me, say, transport } from "../house.js";
import { showNote, showState } from "../parts/action-card.js";
import { make } from "../parts/make.js";

class ActionCards extends HTMLElement {
  /** @type {AbortController} */ #leaving;
  #dialog = make("dialog", { class: "menu-sheet menu-sheet--question", "aria-label": say("card.sure") });

  connectedCallback() {
    const messages = this.closest("message-list")?.querySelector(".messages");
    if (!me || !(messages instanceof HTMLElement) || this.#leaving) return;
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    this.append(this.#dialog);
    this.#dialog.addEventListener("click", ({ target }) => { if (target === this.#dialog) this.#dialog.close(); }, { signal });
    messages.addEventListener("click", ({ target }) => {
      const pressed = /** @type {Element} */ (target).closest("button.action-card__choice");
      if (pressed instanceof HTMLButtonElement) this.#pressed(pressed);
    }, { signal });
  }

  disconnectedCallback() {
    this.#leaving?.abort();
  }

  /** @param {HTMLButtonElement} pressed */
  #pressed(pressed) {
    const { confirm } = pressed.dataset;
    if (confirm) this.#ask(confirm, pressed);
    else this.#answer(pressed);
  }

  /** @param {string} question @param {HTMLButtonElement} pressed */
  #ask(question, pressed) {
    const style = pressed.classList.contains("button--danger") ? "button--danger" : "button--primary";
    const go = make("button", { class: `button ${style}`, type: "button", dir: "auto", text: pressed.textContent ?? "" });
    const keep = make("button", { class: "button", type: "button", text: say("card.cancel") });
    go.addEventListener("click", () => { this.#dialog.close(); this.#answer(pressed); });
    keep.addEventListener("click", () => this.#dialog.close());
    const words = make("p", { class: "menu-sheet__question", dir: "auto", text: question });
    this.#dialog.replaceChildren(make("div", { class: "menu-sheet__ask" }, [words, go, keep]));
    this.#dialog.showModal();
    keep.focus();
  }

  /** @param {HTMLButtonElement} pressed */
  async #answer(pressed) {
    /** @type {HTMLElement | null} */
    const message = pressed.closest(".message");
    const { actionId: action_id } = pressed.dataset;
    if (!message) return;
    showNote(message, "");
    showState(message, { pressed });
    const trouble = await change("message:answer", { message_id: Number(message.dataset.id), action_id });
    if (!trouble) return;
    showState(message);
    showNote(message, trouble);
    // Somebody else was first, perhaps: then whose tap it was is on its way, or got lost.
    transport.sync();
  }
}

customElements.define("action-cards", ActionCards);
