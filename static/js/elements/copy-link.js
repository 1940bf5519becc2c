// @ts-check
// <copy-link>: takes a link along from the field that shows it. Without us one selects and copies it by hand.

import { say } from "../house.js";
import { copyFrom } from "../lib/clipboard.js";
import { icon, make } from "../parts/make.js";

class CopyLink extends HTMLElement {
  /** @type {HTMLInputElement} */ #field;
  #status = make("p", { class: "copy-link__status", role: "status" });

  connectedCallback() {
    const field = this.querySelector("input");
    if (!field || this.#field) return;
    this.#field = field;
    const copy = button("copy", say("link.copy"), () => this.#copy(copy));
    this.append(copy);
    if (navigator.share) this.append(button("share", say("link.share"), () => this.#share()));
    this.append(this.#status);
  }

  /** @param {HTMLButtonElement} pressed */
  async #copy(pressed) {
    const { clipboard } = navigator;
    const copied = await copyFrom(this.#field, { clipboard, execCommand: (name) => document.execCommand(name) });
    if (copied) pressed.focus();
    // A new element each time: the same words twice would be read out once.
    this.#status.replaceChildren(make("span", { text: say(copied ? "link.copied" : "link.by_hand") }));
  }

  #share() {
    // Putting the sheet away again is no failure.
    navigator.share({ url: this.#field.value }).catch(() => {});
  }
}

/** @param {string} drawing @param {string} text @param {() => void} act */
function button(drawing, text, act) {
  const made = make("button", { class: "button", type: "button" }, [icon(drawing), new Text(` ${text}`)]);
  made.addEventListener("click", act);
  return made;
}

customElements.define("copy-link", CopyLink);
