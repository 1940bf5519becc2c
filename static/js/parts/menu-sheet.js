// @ts-check

import { say } from "../house.js";
import { hiddenWords, icon, make } from "./make.js";

const HINT = "words-about-other-emoji";

/**
 * @typedef {{
 *   react: (emoji: string) => void, other: (emoji: string) => Promise<string>, reply: () => void, edit: () => void,
 *   copy: () => void, remove: () => Promise<string>,
 * }} Acts   what the reader can do; those that return a sentence say why not, "" when it is done
 * @typedef {{ write: boolean, edit: boolean, copy: boolean, remove: boolean }} May
 */

/**
 * What can be done with a message: a sheet at the bottom of a phone, a small window beside the message on a wide
 * screen. The browser keeps the keyboard in it, and closes it at Escape.
 */
export class MenuSheet {
  dialog = make("dialog", { class: "menu-sheet", "aria-label": say("menu.title") });
  #trouble = make("p", { class: "menu-sheet__trouble", role: "alert" });
  #emojis;
  /** What is open now takes over what is asked for. @type {Acts | null} */
  #acts = null;
  /** Whether a finger came down since it opened: the one that opened it may still lie there. */
  #isTouched = false;
  /** What a small window stands at. @type {DOMRect | null} */
  #beside = null;

  /**
   * @param {{ usual: string[], common: string[], max: number }} emojis at once, when one looks for another, and how long one
   *   may be, in UTF-16
   * @param {AbortSignal} signal
   */
  constructor(emojis, signal) {
    this.#emojis = emojis;
    this.dialog.addEventListener("pointerdown", () => { this.#isTouched = true; }, { signal });
    this.dialog.addEventListener("click", (event) => this.#clicked(event), { capture: true, signal });
  }

  /**
   * @param {{ acts: Acts, may: May, own: Set<string>, reacted: HTMLElement | null, beside: DOMRect | null }} of
   *   own: the emoji that the reader has put there already.  reacted: who has put which there.
   *   beside: what pressed it open, where a mouse did
   */
  open({ acts, may, own, reacted, beside }) {
    this.#acts = acts;
    this.#isTouched = false;
    this.#beside = beside;
    this.#trouble.textContent = "";
    const emoji = may.write ? [this.#emoji(own), this.#otherEmoji(own)] : [];
    this.dialog.replaceChildren(...(reacted ? [reacted] : []), ...emoji, this.#choices(may), this.#trouble);
    this.dialog.showModal();
    this.#place();
  }

  close() {
    this.dialog.close();
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    if (!this.#isTouched && event.detail > 0) {
      event.stopPropagation();
      event.preventDefault();
    } else if (event.target === this.dialog) this.close();
  }

  /** @param {Set<string>} own */
  #emoji(own) {
    const buttons = this.#emojis.usual.map((emoji) => this.#emojiButton(emoji, own));
    const another = make("button", { class: "usual__emoji", type: "button", "aria-expanded": false }, [
      icon("smile"), hiddenWords(say("menu.other")),
    ]);
    another.addEventListener("click", () => this.#showOther(another));
    return make("div", { class: "usual", role: "group", "aria-label": say("menu.react") }, [...buttons, another]);
  }

  /** @param {string} emoji @param {Set<string>} own */
  #emojiButton(emoji, own) {
    const button = make("button", {
      class: own.has(emoji) ? "usual__emoji usual__emoji--own" : "usual__emoji", type: "button", text: emoji,
      "aria-pressed": own.has(emoji),
    });
    button.addEventListener("click", () => this.#acts?.react(emoji));
    return button;
  }

  /** @param {Set<string>} own */
  #otherEmoji(own) {
    const grid = make("div", { class: "usual" }, this.#emojis.common.map((emoji) => this.#emojiButton(emoji, own)));
    const field = make("input", {
      class: "field__input", name: "emoji", maxlength: this.#emojis.max, required: "", autocomplete: "off",
      "aria-label": say("menu.other"), "aria-describedby": HINT,
    });
    const hint = make("p", { class: "menu-sheet__hint", id: HINT, text: say("menu.other_hint") });
    const line = make("div", { class: "menu-sheet__line" }, [field, make("button", { class: "button", text: say("menu.react") })]);
    const form = make("form", { class: "menu-sheet__other", hidden: "" }, [grid, hint, line]);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#try(() => this.#acts?.other(field.value));
    });
    return form;
  }

  /** @param {HTMLElement} button */
  #showOther(button) {
    const form = this.dialog.querySelector("form");
    if (!form) return;
    form.hidden = !form.hidden;
    button.setAttribute("aria-expanded", String(!form.hidden));
    this.#place();
    if (!form.hidden) form.querySelector("button")?.focus();
  }

  /** @param {May} may */
  #choices({ write, edit, copy, remove }) {
    return make("div", { class: "menu-sheet__choices" }, [
      ...(write ? [choice("reply", say("menu.reply"), () => this.#acts?.reply())] : []),
      ...(edit ? [choice("pencil", say("menu.edit"), () => this.#acts?.edit())] : []),
      ...(copy ? [choice("copy", say("menu.copy"), () => this.#acts?.copy())] : []),
      ...(remove ? [choice("trash", say("menu.delete"), () => this.#askOnceMore())] : []),
    ]);
  }

  #askOnceMore() {
    const keep = make("button", { class: "button", type: "button", text: say("menu.keep") });
    const remove = make("button", { class: "button button--danger", type: "button", text: say("menu.delete_now") });
    keep.addEventListener("click", () => this.close());
    remove.addEventListener("click", () => this.#try(() => this.#acts?.remove()));
    const question = make("p", { text: say("menu.delete_question") });
    this.dialog.replaceChildren(make("div", { class: "menu-sheet__ask" }, [question, remove, keep]), this.#trouble);
    keep.focus();
  }

  /** Closes when it is done; else it says why not, and stays as it is. @param {() => Promise<string> | undefined} act */
  async #try(act) {
    const trouble = await act();
    this.#trouble.textContent = trouble ?? "";
    if (!trouble) this.close();
  }

  /** A phone has it at the bottom, by the stylesheet. */
  #place() {
    const { style, offsetWidth, offsetHeight } = this.dialog;
    const { left = 0, right = 0, bottom = 0 } = this.#beside ?? {};
    const inward = left + offsetWidth > innerWidth ? right - offsetWidth : left;
    style.setProperty("--menu-left", `${Math.max(8, Math.min(inward, innerWidth - offsetWidth - 8))}px`);
    style.setProperty("--menu-top", `${Math.max(8, Math.min(bottom, innerHeight - offsetHeight - 8))}px`);
  }
}

/** @param {string} drawing @param {string} text @param {() => void} act */
function choice(drawing, text, act) {
  const button = make("button", { class: "menu-sheet__choice", type: "button" }, [icon(drawing), new Text(text)]);
  button.addEventListener("click", act);
  return button;
}
