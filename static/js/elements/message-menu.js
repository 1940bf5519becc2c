// @ts-check
// <message-menu>: what can be done with a message. It opens at the button of a message, or where a finger rests on one.
// Without us that button is a link to a page that does the same.

import { answer, ask, change, me, revise, say } from "../house.js";
import { copyFrom } from "../lib/clipboard.js";
import { onLongPress } from "../parts/long-press.js";
import { make } from "../parts/make.js";
import { MenuSheet } from "../parts/menu-sheet.js";
import { makeOneStop } from "../parts/one-stop.js";
import { quotedFrom } from "../parts/quotes.js";
import { ownReactions, reactionLine } from "../parts/reactions.js";

const NOTICE_MS = 6_000;

class MessageMenu extends HTMLElement {
  /** @type {MenuSheet} */ #sheet;
  /** @type {AbortController} */ #leaving;
  #notice = make("p", { class: "message-menu__notice", role: "status" });
  /** @type {any} */ #timer;

  connectedCallback() {
    const list = this.closest("message-list");
    const messages = list?.querySelector(".messages");
    if (!me || !(messages instanceof HTMLElement) || this.#leaving) return;
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    const { usual = "", common = "", emojiMax } = this.dataset;
    const emojis = { usual: usual.split(" "), common: common.split(" "), max: Number(emojiMax) };
    this.#sheet = new MenuSheet(emojis, signal);
    this.append(this.#sheet.dialog, this.#notice);
    messages.addEventListener("click", ({ target }) => this.#clicked(/** @type {Element} */ (target)), { signal });
    onLongPress(messages, ".message__bubble", (bubble) => this.#open(bubble.closest(".message"), null), signal);
    makeOneStop(messages, ".message__more", signal);
  }

  disconnectedCallback() {
    this.#leaving?.abort();
    clearTimeout(this.#timer);
  }

  /** @param {Element} target */
  #clicked(target) {
    /** @type {HTMLElement | null} */
    const message = target.closest(".message");
    const more = target.closest(".message__more");
    const reaction = target.closest(".reaction");
    if (more) this.#open(message, more.getBoundingClientRect());
    else if (message && reaction instanceof HTMLElement) this.#toggle(message, reaction.dataset.emoji ?? "");
  }

  /** @param {HTMLElement | null} message @param {DOMRect | null} beside */
  #open(message, beside) {
    if (!message?.dataset.id || "deleted" in message.dataset) return;
    const isOwn = Number(message.dataset.authorId) === me?.id;
    const write = "mayWrite" in this.dataset;
    const isYoung = Date.now() - Date.parse(message.dataset.at ?? "") < Number(this.dataset.editableSeconds) * 1000;
    const says = Boolean(message.querySelector(".message__body")?.textContent?.trim());
    const remove = isOwn ? write : "mayDeleteOthers" in this.dataset;
    const may = { write, edit: write && isOwn && isYoung, copy: says, remove };
    this.#sheet.open({ acts: this.#actsOn(message), may, own: ownReactions(message), reacted: reactionLine(message), beside });
  }

  /** @param {HTMLElement} message @returns {import("../parts/menu-sheet.js").Acts} */
  #actsOn(message) {
    const message_id = Number(message.dataset.id);
    const first = (/** @type {() => void} */ act) => () => { this.#sheet.close(); act(); };
    return {
      react: (emoji) => { this.#sheet.close(); this.#toggle(message, emoji); },
      other: (emoji) => change("message:react", { message_id, emoji }),
      reply: first(() => answer(this.#roomId, quotedFrom(message))),
      edit: first(() => this.#edit(message)),
      copy: () => this.#copy(message),
      remove: () => change("message:delete", { message_id }),
    };
  }

  /** @param {HTMLElement} message @param {string} emoji */
  async #toggle(message, emoji) {
    const event = ownReactions(message).has(emoji) ? "message:unreact" : "message:react";
    this.#say(await change(event, { message_id: Number(message.dataset.id), emoji }));
  }

  /** What was typed is not in the page, only what came of it. @param {HTMLElement} message */
  #edit(message) {
    revise(this.#roomId, this.#written(message));
  }

  /** @param {HTMLElement} message @returns {Promise<{ id: number, body: string } | null>} */
  async #written(message) {
    const { id, seq } = message.dataset;
    const before = Number(seq) + 1;
    const found = await ask("message:history", { room_id: this.#roomId, before, limit: 1 }).catch(() => null);
    const written = found?.messages?.find((/** @type {any} */ it) => it.id === Number(id) && !it.deleted);
    if (!written) this.#say(found?.error ?? say("change.unreachable"));
    return written ?? null;
  }

  /** @param {HTMLElement} message */
  async #copy(message) {
    const body = message.querySelector(".message__body");
    // Within the sheet: nothing else of the page can be selected while it is open.
    const field = make("textarea", { class: "visually-hidden", readonly: "", "aria-hidden": true });
    field.value = body instanceof HTMLElement ? body.innerText.trim() : "";
    this.#sheet.dialog.append(field);
    const { clipboard } = navigator;
    const copied = await copyFrom(field, { clipboard, execCommand: (name) => document.execCommand(name) });
    this.#sheet.close();
    this.#say(say(copied ? "menu.copied" : "menu.not_copied"));
  }

  /** Says something for a while; "" is nothing. @param {string} text */
  #say(text) {
    if (!text) return;
    clearTimeout(this.#timer);
    this.#notice.replaceChildren(make("span", { text }));
    this.#timer = setTimeout(() => this.#notice.replaceChildren(), NOTICE_MS);
  }

  get #roomId() {
    return Number(this.closest("message-list")?.dataset.roomId);
  }
}

customElements.define("message-menu", MessageMenu);
