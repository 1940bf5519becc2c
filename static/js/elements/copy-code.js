// @ts-check
// <copy-code>: takes the lines along that it shows. Without us one selects and copies them by hand.

import { say } from "../house.js";
import { copyFrom } from "../lib/clipboard.js";
import { icon, make } from "../parts/make.js";

class CopyCode extends HTMLElement {
  /** @type {HTMLElement} */ #lines;
  #status = make("p", { class: "copy-code__status", role: "status" });

  connectedCallback() {
    const lines = this.querySelector("pre");
    if (!lines || this.#lines) return;
    this.#lines = lines;
    const button = make("button", { class: "button", type: "button" }, [icon("copy"), new Text(` ${say("link.copy")}`)]);
    button.addEventListener("click", () => this.#copy(button));
    this.append(button, this.#status);
  }

  /** @param {HTMLElement} pressed */
  async #copy(pressed) {
    const lines = this.#lines;
    const source = {
      value: lines.textContent ?? "",
      focus: () => lines.focus(),
      select: () => getSelection()?.selectAllChildren(lines),
    };
    const { clipboard } = navigator;
    const copied = await copyFrom(source, { clipboard, execCommand: (name) => document.execCommand(name) });
    if (copied) pressed.focus();
    // A new element each time: the same words twice would be read out once.
    this.#status.replaceChildren(make("span", { text: say(copied ? "link.copied" : "code.by_hand") }));
  }
}

customElements.define("copy-code", CopyCode);
