// @ts-check
// <message-composer>: where one writes, answers and edits. Underneath is a plain form, which still works if any of this
// does not.

import { change, listen, me, post, say, shelf } from "../house.js";
import { newClientId } from "../lib/client-id.js";
import { Drafts } from "../lib/drafts.js";
import { characterCount, wellFormed } from "../lib/text.js";
import { Attachments } from "../parts/attachments.js";
import { ComposerStrip } from "../parts/composer-strip.js";
import { make } from "../parts/make.js";
import { takeOfferedFiles } from "../parts/offered-files.js";
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
  /** @type {Attachments} */ #attachments;
  /** Why it does not go. */ #trouble = make("p", { class: "composer__trouble composer__error", role: "alert" });
  /** @type {any} */ #draftTimer;
  #drafts = new Drafts(shelf, me?.id ?? 0);
  /** @type {ComposerStrip} */ #strip;
  /** What the next message answers. @type {import("../lib/outbox.js").Quoted | null} */ #answering = null;
  /** The message that is being edited in place of a new one. @type {{ id: number, body: string } | null} */ #revising = null;
  /** What it says has yet to come. @type {Promise<any> | null} */ #fetching = null;
  #isSaving = false;

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
    this.#text.enterKeyHint = hasKeyboard() ? "send" : "enter";
    this.#attachments = new Attachments(this.#form, {
      roomId: this.#roomId,
      maxBytes: Number(this.dataset.maxBytes) || Infinity,
      maxFiles: Number(this.dataset.maxFiles) || Infinity,
      changed: () => this.#filesChanged(),
      signal: this.#leaving.signal,
    });
    this.#form.before(this.#trouble);
    this.#counter = make("output", { class: "composer__counter", hidden: "" });
    this.#form.after(this.#counter);
    this.#strip = new ComposerStrip(this.#form, () => this.#leaveStrip());
    this.#shortenPlaceholder();
    this.#text.value = this.#drafts.read(this.#roomId) || this.#text.defaultValue;
    // Should the form ever go out by itself, pressing twice still makes one message.
    const clientId = this.#form.elements.namedItem("client_id");
    if (clientId instanceof HTMLInputElement) clientId.value = newClientId();
  }

  /** A placeholder is cut where the box ends, in the middle of a letter; the label says all of it. */
  #shortenPlaceholder() {
    const { placeholder } = this.#text;
    const narrow = matchMedia("(max-width: 24.99em)");
    const show = () => { this.#text.placeholder = (narrow.matches && this.dataset.shortPlaceholder) || placeholder; };
    narrow.addEventListener("change", show, { signal: this.#leaving.signal });
    show();
  }

  /** @param {AbortSignal} signal */
  #listen(signal) {
    this.#form.addEventListener("submit", (event) => this.#submitted(event), { signal });
    this.#text.addEventListener("keydown", (event) => this.#keyPressed(event), { signal });
    this.#text.addEventListener("input", () => this.#edited(), { signal });
    this.#text.addEventListener("blur", () => this.#typing.stop(), { signal });
    const input = this.#form.querySelector("input[type=file]");
    if (input instanceof HTMLInputElement) input.addEventListener("change", () => this.#chosen(input), { signal });
    takeOfferedFiles(this.closest(".conversation") ?? this, this.#text, {
      mayTake: () => !this.#isEditing, take: (files) => this.#take(files), signal,
    });
    window.addEventListener("pagehide", () => this.#keepDraft(), { signal });
    window.addEventListener("storage", ({ key }) => this.#draftChangedElsewhere(key), { signal });
    // A press on the button would take the focus, and with it the keyboard of a phone.
    const button = this.#form.querySelector("button");
    button?.addEventListener("pointerdown", (event) => event.preventDefault(), { signal });
    listen("state", () => this.#typing.forget(), signal);
    const hear = (/** @type {string} */ event, /** @type {(data: any) => void} */ fn) => {
      listen(event, (data) => { if (data.room_id === this.#roomId) fn(data); }, signal);
    };
    hear("answering", ({ quoted }) => this.#answer(quoted));
    hear("revising", ({ written }) => this.#fetch(written));
    hear("taken-back", ({ entry, files }) => this.#takeBack(entry, files));
    hear("message", (payload) => { if (payload.deleted) this.#isGone(payload.id); });
  }

  /** @param {KeyboardEvent} event */
  #keyPressed(event) {
    // While a word is being composed (Japanese, Chinese, Korean), Enter chooses it; 229 is Safari's way to
    // say so.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape" && this.#strip.isShown) this.#leaveStrip();
    if (event.key !== "Enter") return;
    const sends = hasKeyboard() ? !event.shiftKey : event.ctrlKey || event.metaKey;
    if (!sends || event.altKey) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  /** @param {SubmitEvent} event */
  #submitted(event) {
    const body = wellFormed(this.#text.value);
    if (this.#isEditing) {
      event.preventDefault();
      if (this.#revising && characterCount(body) <= this.#limit) this.#save(body, this.#revising);
      return;
    }
    if (this.#attachments.refusedCount) {
      event.preventDefault();
      this.#tellOfRefused();
      return;
    }
    if ((body.trim() === "" && this.#attachments.isEmpty) || characterCount(body) > this.#limit) {
      event.preventDefault();
      this.#text.focus();
      return;
    }
    // Only when the message is safely kept may the form stay at home.
    post(this.#roomId, body, { replyTo: this.#answering, files: this.#attachments.take() });
    event.preventDefault();
    this.#text.value = "";
    this.#answering = null;
    this.#strip.hide();
    this.#keepDraft();
    this.#typing.sent();
    this.#changed();
    this.#text.focus();
  }

  #tellOfRefused() {
    this.#trouble.textContent = ""; // Or a second press would not be heard.
    this.#countRefused();
    if (!this.#attachments.showTrouble()) this.#text.focus();
  }

  #countRefused() {
    const count = this.#attachments.refusedCount;
    this.#trouble.textContent = count ? say("files.refused", { count }) : "";
  }

  /** @param {import("../lib/outbox.js").Quoted} quoted */
  #answer(quoted) {
    this.#leaveStrip();
    this.#answering = quoted;
    this.#strip.show(say("composer.answering", { name: quoted.author_name }), quoted.preview);
    this.#text.focus();
  }

  /** A message is about to be edited; until its words are here, nothing can be written. @param {Promise<any>} written */
  async #fetch(written) {
    this.#leaveStrip();
    this.#keepDraft(); // What was begun waits meanwhile.
    this.#typing.stop();
    this.#setFetching(written);
    this.#write("");
    this.#strip.show(say("composer.editing"), "");
    this.#text.focus();
    const message = await written;
    if (this.#fetching !== written) return;
    if (message) this.#revise(message);
    else this.#leaveStrip();
  }

  /** @param {{ id: number, body: string }} message */
  #revise(message) {
    this.#setFetching(null);
    this.#revising = message;
    this.#write(message.body);
    this.#text.focus();
    this.#text.setSelectionRange(message.body.length, message.body.length);
  }

  /** @param {Promise<any> | null} written */
  #setFetching(written) {
    this.#fetching = written;
    this.#text.readOnly = written !== null;
    this.#text.setAttribute("aria-busy", String(written !== null));
  }

  get #isEditing() {
    return this.#revising !== null || this.#fetching !== null;
  }

  /** @param {string} body @param {{ id: number, body: string }} message */
  async #save(body, message) {
    if (this.#isSaving) return;
    this.#isSaving = true;
    const trouble = body === message.body ? "" : await change("message:edit", { message_id: message.id, body });
    this.#isSaving = false;
    if (this.#revising !== message) return;
    if (trouble) this.#strip.complain(trouble);
    else this.#leaveStrip();
    this.#text.focus();
  }

  /** Back to what is written otherwise: to nobody's words in particular, or the draft. */
  #leaveStrip() {
    const wasEditing = this.#isEditing;
    this.#answering = this.#revising = null;
    this.#setFetching(null);
    this.#strip.hide();
    if (wasEditing) this.#write(this.#drafts.read(this.#roomId));
  }

  /** A message was deleted. What was typed about it stays. @param {number} id */
  #isGone(id) {
    if (this.#revising?.id === id) this.#strip.complain(say("message.deleted"));
    else if (this.#answering?.id === id) this.#leaveStrip();
  }

  /** @param {string} text */
  #write(text) {
    this.#text.value = text;
    this.#changed();
  }

  /** @param {HTMLInputElement} input */
  #chosen(input) {
    this.#take(input.files ?? []);
    input.value = ""; // Or the form would send them once more, and the same could not be chosen again.
  }

  /** @param {Iterable<File>} files */
  #take(files) {
    this.#attachments.add(files);
    if (hasKeyboard()) this.#text.focus();
  }

  /**
   * A message that waited is not to be sent after all. What was written since stays, too.
   * @param {import("../lib/outbox.js").Entry} entry @param {import("../house.js").OutgoingFile[]} files
   */
  #takeBack({ body, reply_to }, files) {
    this.#leaveStrip();
    if (reply_to) this.#answer(reply_to);
    this.#attachments.restore(files);
    this.#write([body, this.#text.value].filter(Boolean).join("\n"));
    this.#keepDraft();
    this.#text.focus();
  }

  #filesChanged() {
    if (this.#trouble.textContent) this.#countRefused();
    this.#changed();
  }

  #edited() {
    this.#changed();
    if (this.#isEditing) return; // Nothing new is being written, and it is no draft.
    this.#typing.typed(this.#text.value);
    clearTimeout(this.#draftTimer);
    this.#draftTimer = setTimeout(() => this.#keepDraft(), DRAFT_PAUSE_MS);
  }

  #keepDraft() {
    clearTimeout(this.#draftTimer);
    if (!this.#isEditing) this.#drafts.write(this.#roomId, this.#text.value);
  }

  /**
   * Another tab of this person wrote on or sent it; whoever is writing here is not disturbed.
   * @param {string | null} key
   */
  #draftChangedElsewhere(key) {
    if (key !== this.#drafts.key(this.#roomId) || document.hasFocus() || this.#isEditing) return;
    this.#text.value = this.#drafts.read(this.#roomId);
    this.#changed();
  }

  #changed() {
    this.#grow();
    this.#count();
    const hasFiles = !this.#isEditing && !this.#attachments.isEmpty;
    this.toggleAttribute("data-empty", this.#text.value.trim() === "" && !hasFiles);
    this.toggleAttribute("data-editing", this.#isEditing);
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

/**
 * Where there is a real keyboard, Enter sends; on glass it begins a line, as everywhere else there, and the focus brings
 * up a keyboard that covers half of what one looks at.
 */
function hasKeyboard() {
  return matchMedia("(hover: hover) and (pointer: fine)").matches;
}

customElements.define("message-composer", MessageComposer);
