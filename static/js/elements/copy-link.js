// @ts-check
// <copy-link>: takes a link along from the field that shows it. Without us one selects and copies it by hand.

import { say } from "../house.js";
import { copyButton } from "../parts/copy-button.js";
import { icon, make } from "../parts/make.js";

class CopyLink extends HTMLElement {
  /** @type {HTMLInputElement} */ #field;

  connectedCallback() {
    const field = this.querySelector("input");
    if (!field || this.#field) return;
    this.#field = field;
    const [copy, status] = copyButton(field, say("link.by_hand"));
    this.append(copy);
    if (navigator.share) this.append(this.#shareButton());
    this.append(status);
  }

  #shareButton() {
    const text = new Text(` ${say("link.share")}`);
    const button = make("button", { class: "button", type: "button" }, [icon("share"), text]);
    // Putting the sheet away again is no failure.
    button.addEventListener("click", () => navigator.share({ url: this.#field.value }).catch(() => {}));
    return button;
  }
}

customElements.define("copy-link", CopyLink);
