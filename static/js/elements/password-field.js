// @ts-check
// <password-field>: lets people look at what they type, tells them of caps lock, and, where a new password is chosen
// (data-new), how good it is. Without us it is a plain field.

import { say } from "../house.js";
import { hiddenWords, icon, make } from "../parts/make.js";
import { StrengthMeter } from "../parts/strength-meter.js";

class PasswordField extends HTMLElement {
  /** @type {HTMLInputElement} */ #input;
  /** @type {HTMLButtonElement} */ #show;
  #caps = make("p", { class: "password-field__caps", role: "status" });

  connectedCallback() {
    const input = this.querySelector("input");
    if (!input || this.#input) return;
    this.#input = input;
    this.#show = this.#button();
    input.after(this.#show);
    this.querySelector(".password-field__box")?.after(this.#caps);
    for (const event of ["keydown", "keyup"]) input.addEventListener(event, (key) => this.#noticeCaps(key));
    input.addEventListener("blur", () => this.#sayCaps(false));
    // Sent as a password again: browsers keep what was sent as text, and offer it to whoever comes next.
    input.form?.addEventListener("submit", () => this.#reveal(false));
    if ("new" in this.dataset) new StrengthMeter(this, input);
  }

  #button() {
    const label = this.querySelector("label")?.textContent?.trim() ?? "";
    const button = make("button", { class: "password-field__show", type: "button", "aria-pressed": "false" });
    button.append(icon("eye"), new Text(` ${say("password.show")}`), hiddenWords(` ${label}`));
    // The cursor stays where it is, and a phone's keyboard stays open.
    button.addEventListener("mousedown", (press) => press.preventDefault());
    button.addEventListener("click", () => this.#reveal(this.#input.type === "password"));
    return button;
  }

  /** @param {boolean} shown */
  #reveal(shown) {
    const { selectionStart, selectionEnd } = this.#input;
    this.#input.type = shown ? "text" : "password";
    this.#input.setSelectionRange(selectionStart, selectionEnd);
    this.#show.setAttribute("aria-pressed", String(shown));
    this.#show.querySelector("svg")?.replaceWith(shown ? icon("eye-off") : icon("eye"));
  }

  /** @param {Event} key what fills in passwords makes plain events of the same name */
  #noticeCaps(key) {
    if (key instanceof KeyboardEvent) this.#sayCaps(key.getModifierState("CapsLock"));
  }

  /** @param {boolean} isOn */
  #sayCaps(isOn) {
    const text = isOn ? say("password.caps_lock") : "";
    if (this.#caps.textContent !== text) this.#caps.textContent = text;
  }
}

customElements.define("password-field", PasswordField);
