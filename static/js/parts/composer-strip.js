// @ts-check

import { say } from "../house.js";
import { hiddenWords, icon, make } from "./make.js";

/** The strip above the box to write in: what one answers or edits, with a way out of it. */
export class ComposerStrip {
  #strip = make("div", { class: "composer__strip", hidden: "" });
  #title = make("p", { class: "composer__strip-title" });
  #words = make("p", { class: "composer__strip-words", dir: "auto" });
  #trouble = make("p", { class: "composer__error", role: "alert" });

  /** @param {HTMLElement} form before which it stands @param {() => void} cancelled */
  constructor(form, cancelled) {
    const cancel = make("button", { class: "icon-button", type: "button" }, [
      icon("close"), hiddenWords(say("composer.cancel")),
    ]);
    cancel.addEventListener("click", cancelled);
    const words = make("div", { class: "composer__strip-text" }, [this.#title, this.#words, this.#trouble]);
    this.#strip.append(words, cancel);
    form.before(this.#strip);
  }

  get isShown() {
    return !this.#strip.hidden;
  }

  /** @param {string} title @param {string} words */
  show(title, words) {
    this.#title.textContent = title;
    this.#words.textContent = words;
    this.#trouble.textContent = "";
    this.#strip.hidden = false;
  }

  /** Says why it did not work. @param {string} sentence "" when it did */
  complain(sentence) {
    this.#trouble.textContent = sentence;
  }

  hide() {
    this.#strip.hidden = true;
    this.#trouble.textContent = "";
  }
}
