// @ts-check
// <message-composer>: where one writes. Underneath is a plain form, which still works if any of this does
// not.

import { listen, me, post, say, shelf } from "../house.js";
import { newClientId } from "../lib/client-id.js";
import { Drafts } from "../lib/drafts.js";
import { characterCount, wellFormed } from "../lib/text.js";
import { make } from "../parts/make.js";
import { Typing } from "../parts/typing.js";

const DRAFT_PAUSE_MS = 300;
/** The counter stays out of the way until this share of the length is left. */
const COUNTER_SHARE = 0.05;

class MessageComposer extends HTMLElement {
  #roomId = 0;
  #limit = 0;
  /** @type {HTMLFormElement} */ #form;
  /** @type {HTMLTextAreaElement} */ #text;
  /** @type {HTMLOutputElement} */ #counter;
  /** @type {AbortController} */ #leaving;
  /** @type {Typing} */ #typing;
  /** @type {any} */ #draftTimer;
  #drafts = new Drafts(shelf, me?.id ?? 0);

  connectedCallback() {
    const form = this.querySelector("form");
    const text = form?.querySelector("textarea");
    if (!me || !form || !text || this.#leaving) return;
    this.#leaving = new AbortController();
    this.#roomId = Number(this.dataset.roomId);
    this.#limit = Number(this.dataset.maxLength) || Infinity;
    this.#form = form;
    this.#text = text;
    this.#typing = new Typing(this.#roomId, this.#leaving.signal);
    this.#prepare();
    this.#listen(this.#leaving.signal);
    this.#changed();
  }

  disconnectedCallback() {
    this.#leaving?.abort();
  }

  #prepare() {
    // A pasted text that is too long is shown whole and counted, not cut without a word.
    this.#text.removeAttribute("maxlength");
    this.#form.noValidate = true;
    this.#form.autocomplete = "off";
    this.#text.enterKeyHint = entersSend() ? "send" : "enter";
    this.#counter = make("output", { class: "composer__counter", hidden: "" });
    this.#form.after(this.#counter);
    this.#text.value = this.#drafts.read(this.#roomId) || this.#text.defaultValue;
    // Should the form ever go out by itself, pressing twice still makes one message.
    const clientId = this.#form.elements.namedItem("client_id");
    if (clientId instanceof HTMLInputElement) clientId.value = newClientId();
  }

  /** @param {AbortSignal} signal */
  #listen(signal) {
    this.#form.addEventListener("submit", (event) => this.#submitted(event), { signal });
    this.#text.addEventListener("keydown", (event) => this.#keyPressed(event), { signal });
    this.#text.addEventListener("input", () => this.#edited(), { signal });
    this.#text.addEventListener("blur", () => this.#typing.stop(), { signal });
    window.addEventListener("pagehide", () => this.#keepDraft(), { signal });
    window.addEventListener("storage", ({ key }) => this.#draftChangedElsewhere(key), { signal });
    // A press on the button would take the focus, and with it the keyboard of a phone.
    const button = this.#form.querySelector("button");
    button?.addEventListener("pointerdown", (event) => event.preventDefault(), { signal });
    listen("state", () => this.#typing.forget(), signal);
  }

  /** @param {KeyboardEvent} event */
  #keyPressed(event) {
    // While a word is being composed (Japanese, Chinese, Korean), Enter chooses it; 229 is Safari's way to
    // say so.
    if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
    const sends = entersSend() ? !event.shiftKey : event.ctrlKey || event.metaKey;
    if (!sends || event.altKey) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  /** @param {SubmitEvent} event */
  #submitted(event) {
    const body = wellFormed(this.#text.value);
    if (body.trim() === "" || characterCount(body) > this.#limit) {
      event.preventDefault();
      this.#text.focus();
      return;
    }
    // Only when the message is safely kept may the form stay at home.
    post(this.#roomId, body);
    event.preventDefault();
    this.#text.value = "";
    this.#keepDraft();
    this.#typing.sent();
    this.#changed();
    this.#text.focus();
  }

  #edited() {
    this.#changed();
    this.#typing.typed(this.#text.value);
    clearTimeout(this.#draftTimer);
    this.#draftTimer = setTimeout(() => this.#keepDraft(), DRAFT_PAUSE_MS);
  }

  #keepDraft() {
    clearTimeout(this.#draftTimer);
    this.#drafts.write(this.#roomId, this.#text.value);
  }

  /**
   * Another tab of this person wrote on or sent it; whoever is writing here is not disturbed.
   * @param {string | null} key
   */
  #draftChangedElsewhere(key) {
    if (key !== this.#drafts.key(this.#roomId) || document.hasFocus()) return;
    this.#text.value = this.#drafts.read(this.#roomId);
    this.#changed();
  }

  #changed() {
    this.#grow();
    this.#count();
    this.toggleAttribute("data-empty", this.#text.value.trim() === "");
  }

  #grow() {
    if (CSS.supports("field-sizing", "content")) return;
    this.#text.style.height = "auto";
    const borders = this.#text.offsetHeight - this.#text.clientHeight;
    this.#text.style.height = `${this.#text.scrollHeight + borders}px`;
  }

  #count() {
    // A UTF-16 unit is a character at most, so short texts need no counting.
    const near = this.#text.value.length > this.#limit * (1 - COUNTER_SHARE);
    const left = near ? this.#limit - characterCount(this.#text.value) : Infinity;
    this.#counter.hidden = left > this.#limit * COUNTER_SHARE;
    this.#counter.classList.toggle("composer__error", left < 0);
    this.#text.setAttribute("aria-invalid", String(left < 0));
    if (this.#counter.hidden) return;
    const [key, count] = left < 0 ? ["composer.too_many", -left] : ["composer.left", left];
    this.#counter.value = say(key, { count });
  }
}

/** Where there is a real keyboard, Enter sends; on glass it begins a line, as everywhere else there. */
function entersSend() {
  return matchMedia("(hover: hover) and (pointer: fine)").matches;
}

customElements.define("message-composer", MessageComposer);
