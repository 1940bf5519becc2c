// @ts-check
// The files that somebody is about to send, above the composer: each is on its way already while they still write.

import { say } from "../house.js";
import { sizeText } from "../lib/bytes.js";
import { Turns } from "../lib/turns.js";
import { page } from "../page.js";
import { hiddenWords, icon, make } from "./make.js";
import { dropFile, sendFile } from "./sending-file.js";

const AT_ONCE = 2;
const PREVIEWED = /^image\/(jpeg|png|gif|webp|avif)$/;

/** @typedef {{ file: File, element: HTMLElement, sent: import("./sending-file.js").SentFile | null, why: string, leaving: AbortController, picture: string }} Attachment */

export class Attachments {
  #options;
  #list;
  #turns = new Turns(AT_ONCE);
  /** @type {Attachment[]} */
  #all = [];

  /**
   * @param {HTMLElement} before what the strip stands above
   * @param {{ roomId: number, maxBytes: number, maxFiles: number, changed: () => void }} options
   */
  constructor(before, options) {
    this.#options = options;
    this.#list = make("ul", { class: "attachments", hidden: "", role: "list", "aria-label": say("files.list") });
    before.before(this.#list);
  }

  get isEmpty() {
    return this.#all.length === 0;
  }

  /** Whether any has yet to arrive. */
  get isBusy() {
    return this.#all.some(({ sent, why }) => !sent && !why);
  }

  get hasFailed() {
    return this.#all.some(({ why }) => why !== "");
  }

  /** @param {Iterable<File>} files */
  add(files) {
    for (const file of files) this.#addOne(file);
    this.#changed();
  }

  /** Shows where something went wrong. */
  showTrouble() {
    const failed = this.#all.find(({ why }) => why);
    failed?.element.scrollIntoView({ block: "nearest", inline: "nearest" });
    failed?.element.querySelector("button")?.focus();
  }

  /** What has arrived, to be sent now; the strip is empty afterwards. */
  take() {
    const files = this.#all.flatMap(({ sent }) => (sent ? [sent] : []));
    for (const attachment of [...this.#all]) this.#forget(attachment);
    this.#changed();
    return files;
  }

  /** @param {File} file */
  #addOne(file) {
    const attachment = this.#tile(file);
    this.#all.push(attachment);
    this.#list.append(attachment.element);
    const why = this.#refusal(file);
    if (why) this.#fail(attachment, why);
    else this.#send(attachment);
  }

  /** What the house would say, said before anything travels. @param {File} file */
  #refusal({ size }) {
    const { maxBytes, maxFiles } = this.#options;
    if (this.#all.length > maxFiles) return say("files.too_many", { count: maxFiles });
    if (size > maxBytes) return say("files.too_large", { size: sizeText(maxBytes, page.locale) });
    return size === 0 ? say("files.empty") : "";
  }

  /** @param {Attachment} attachment */
  #send(attachment) {
    attachment.why = "";
    attachment.element.dataset.state = "sending";
    attachment.element.querySelectorAll(".attachment__why, .attachment__retry").forEach((part) => part.remove());
    const bar = make("progress", { class: "attachment__progress", max: 1, value: 0, "aria-label": attachment.file.name });
    attachment.element.append(bar);
    this.#turns.add(async () => {
      const { signal } = attachment.leaving;
      if (signal.aborted) return;
      const progress = (/** @type {number} */ share) => {
        // All has left; now the house looks at it, and nobody knows for how long.
        if (share < 1) bar.value = share;
        else bar.removeAttribute("value");
      };
      const answer = await sendFile(this.#options.roomId, attachment.file, { progress, signal });
      bar.remove();
      if ("file" in answer) this.#arrived(attachment, answer.file);
      else if (!signal.aborted) this.#fail(attachment, answer.why, { canRetry: !answer.isFinal });
      this.#changed();
    });
  }

  /** @param {Attachment} attachment @param {import("./sending-file.js").SentFile} sent */
  #arrived(attachment, sent) {
    if (attachment.leaving.signal.aborted) {
      dropFile(sent.id);
      return;
    }
    attachment.sent = sent;
    attachment.element.dataset.state = "ready";
  }

  /** @param {Attachment} attachment @param {string} why @param {{ canRetry?: boolean }} [options] */
  #fail(attachment, why, { canRetry = false } = {}) {
    const { element } = attachment;
    attachment.why = why;
    element.dataset.state = "failed";
    element.append(make("p", { class: "attachment__why", text: why, role: "alert" }));
    if (!canRetry) return;
    const retry = make("button", { class: "attachment__retry", type: "button", text: say("message.retry") });
    retry.addEventListener("click", () => { this.#send(attachment); this.#changed(); });
    element.append(retry);
  }

  /** @param {File} file @returns {Attachment} */
  #tile(file) {
    const picture = PREVIEWED.test(file.type) ? URL.createObjectURL(file) : "";
    const remove = make("button", { class: "attachment__remove", type: "button" }, [
      icon("close"), hiddenWords(say("files.remove", { name: file.name })),
    ]);
    const sheet = make("span", { class: "attachment__sign" }, [icon("file")]);
    const image = picture ? make("img", { class: "attachment__picture", src: picture, alt: "" }) : null;
    image?.addEventListener("error", () => image.replaceWith(sheet));
    const words = make("p", { class: "attachment__words" }, [
      make("span", { class: "attachment__name", text: file.name, dir: "auto" }), new Text(" "),
      make("span", { class: "attachment__size", text: sizeText(file.size, page.locale) }),
    ]);
    const element = make("li", { class: "attachment" }, [image ?? sheet, words, remove]);
    /** @type {Attachment} */
    const attachment = { file, element, sent: null, why: "", leaving: new AbortController(), picture };
    remove.addEventListener("click", () => this.#remove(attachment));
    return attachment;
  }

  /** @param {Attachment} attachment */
  #remove(attachment) {
    if (attachment.sent) dropFile(attachment.sent.id);
    this.#forget(attachment);
    this.#changed();
  }

  /** @param {Attachment} attachment */
  #forget(attachment) {
    attachment.leaving.abort();
    if (attachment.picture) URL.revokeObjectURL(attachment.picture);
    attachment.element.remove();
    this.#all = this.#all.filter((it) => it !== attachment);
  }

  #changed() {
    this.#list.hidden = this.isEmpty;
    this.#options.changed();
  }
}
