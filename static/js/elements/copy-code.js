// @ts-check
// <copy-code>: takes the lines along that it shows. Without us one selects and copies them by hand.

import { say } from "../house.js";
import { copyButton } from "../parts/copy-button.js";

class CopyCode extends HTMLElement {
  #isReady = false;

  connectedCallback() {
    const lines = this.querySelector("pre");
    if (!lines || this.#isReady) return;
    this.#isReady = true;
    const source = {
      value: lines.textContent ?? "",
      focus: () => lines.focus(),
      select: () => getSelection()?.selectAllChildren(lines),
    };
    this.append(...copyButton(source, say("code.by_hand")));
  }
}

customElements.define("copy-code", CopyCode);
