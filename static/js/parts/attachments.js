// @ts-check
// The files that somebody is about to send, above the composer: each is on its way already while they still write.

import { listen, say, transport, uploads } from "../house.js";
import { sizeText } from "../lib/bytes.js";
import { newClientId } from "../lib/client-id.js";
import { page } from "../page.js";
import { hiddenWords, icon, make } from "./make.js";
import { dropFile } from "./sending-file.js";

const PREVIEWED = /^image\/(jpeg|png|gif|webp|avif)$/;

/**
 * @typedef {import("../house.js").OutgoingFile} OutgoingFile
 * @typedef {"sending" | "ready" | "waiting" | "failed"} State   waiting: for the network; failed: `refusal` says why
 * @typedef {{
 *   known: OutgoingFile, element: HTMLElement, state: State, refusal: import("../lib/uploads.js").Refusal | null,
 *   isRemoved: boolean, picture: string,
 * }} Attachment
 */

export class Attachments {
  #options;
  #list;
  #words = make("p", { class: "attachments__words", role: "status" });
  /** @type {Attachment[]} */
  #all = [];

  /**
   * @param {HTMLElement} before what the strip stands above
   * @param {{ roomId: number, maxBytes: number, maxFiles: number, changed: () => void, signal: AbortSignal }} options
   */
  constructor(before, options) {
    this.#options = options;
    this.#list = make("ul", { class: "attachments", hidden: "", role: "list", "aria-label": say("files.list") });
    before.before(this.#words, this.#list);
    this.#list.addEventListener("scroll", () => this.#showWhetherMore(), { passive: true });
    listen("state", () => this.#lineChanged(), options.signal);
  }

  get isEmpty() {
    return this.#all.length === 0;
  }

  /** How many were refused. A message cannot take them along, however long it waits. */
  get refusedCount() {
    return this.#all.filter(({ refusal }) => refusal && !refusal.passes).length;
  }

  /** @param {Iterable<File>} files */
  add(files) {
    for (const file of files) {
      const { name, type: content_type, size: byte_size } = file;
      this.#addOne({ key: newClientId(), name, content_type, byte_size, width: null, height: null, file });
    }
    this.#changed();
  }

  /** Those of a message that was taken back; what is nowhere any more is left out. @param {OutgoingFile[]} files */
  restore(files) {
    for (const known of files) if (known.id || known.file) this.#addOne(known);
    this.#changed();
  }

  /** Shows where something went wrong. Returns whether it can be tried again there. */
  showTrouble() {
    const failed = this.#all.find(({ refusal }) => refusal && !refusal.passes);
    failed?.element.scrollIntoView({ block: "nearest", inline: "nearest" });
    const retry = failed?.element.querySelector(".attachment__retry");
    if (retry instanceof HTMLElement) retry.focus();
    return Boolean(retry);
  }

  /** What goes with the message that is sent now, arrived or not; the strip is empty afterwards. */
  take() {
    const files = this.#all.map(({ known, element }) => ({ ...sizeOf(element), ...withoutNulls(known) }));
    for (const attachment of [...this.#all]) this.#forget(attachment);
    this.#changed();
    return files;
  }

  /** @param {OutgoingFile} known */
  #addOne(known) {
    const attachment = this.#tile(known);
    this.#all.push(attachment);
    this.#list.append(attachment.element);
    const why = this.#refusalOf(known);
    if (why) this.#fail(attachment, { why, isFinal: true });
    else if (known.id) this.#show(attachment, "ready");
    else this.#send(attachment);
  }

  /** What the house would say, said before anything travels. @param {OutgoingFile} known */
  #refusalOf({ byte_size }) {
    const { maxBytes, maxFiles } = this.#options;
    if (this.#all.length > maxFiles) return say("files.too_many", { count: maxFiles });
    if (byte_size > maxBytes) return say("files.too_large", { size: sizeText(maxBytes, page.locale) });
    return byte_size === 0 ? say("files.empty") : "";
  }

  /** @param {Attachment} attachment */
  async #send(attachment) {
    const { known, element } = attachment;
    if (!known.file) return;
    attachment.refusal = null;
    this.#show(attachment, "sending");
    const bar = make("progress", { class: "progress", max: 1, value: 0, "aria-label": known.name });
    element.append(bar);
    const answer = await uploads.bring(known.key, this.#options.roomId, known.file, (share) => {
      // All has left; now the house looks at it, and nobody knows for how long.
      if (share < 1) bar.value = share;
      else bar.removeAttribute("value");
    });
    bar.remove();
    if (attachment.isRemoved && "file" in answer) dropFile(answer.file.id);
    if (!this.#all.includes(attachment)) return;
    if ("file" in answer) {
      attachment.known = { ...known, ...answer.file };
      this.#show(attachment, "ready");
    } else this.#fail(attachment, answer);
    this.#changed();
  }

  /** @param {Attachment} attachment @param {import("../lib/uploads.js").Refusal} refusal */
  #fail(attachment, refusal) {
    const { element } = attachment;
    attachment.refusal = refusal;
    const waits = refusal.passes && !isLive();
    this.#show(attachment, waits ? "waiting" : "failed");
    if (waits) {
      element.append(make("p", { class: "attachment__why", text: say("files.waits") }));
      return;
    }
    element.append(make("p", { class: "attachment__why", text: refusal.why, role: "alert" }));
    if (refusal.isFinal) return;
    const retry = make("button", { class: "attachment__retry", type: "button", text: say("message.retry") });
    retry.addEventListener("click", () => { this.#send(attachment); this.#changed(); });
    element.append(retry);
  }

  /** What did not arrive is tried again as soon as there is a line, and waits quietly as long as there is none. */
  #lineChanged() {
    for (const attachment of this.#all) {
      if (!attachment.refusal?.passes) continue;
      if (isLive()) this.#send(attachment);
      else this.#fail(attachment, attachment.refusal);
    }
    this.#changed();
  }

  /** @param {Attachment} attachment @param {State} state */
  #show(attachment, state) {
    const { element } = attachment;
    attachment.state = element.dataset.state = state;
    element.querySelectorAll(".attachment__why, .attachment__retry").forEach((part) => part.remove());
    if (state === "ready") element.append(make("span", { class: "attachment__done" }, [icon("check")]));
  }

  /** @param {OutgoingFile} known @returns {Attachment} */
  #tile(known) {
    const { file, name, byte_size, content_type, thumbnail_url } = known;
    const picture = file && PREVIEWED.test(content_type) ? URL.createObjectURL(file) : "";
    const remove = make("button", { class: "attachment__remove", type: "button" }, [
      icon("close"), hiddenWords(say("files.remove", { name })),
    ]);
    const sheet = make("span", { class: "attachment__sign" }, [icon("file")]);
    const source = picture || thumbnail_url;
    const image = source ? make("img", { class: "attachment__picture", src: source, alt: "" }) : null;
    image?.addEventListener("error", () => image.replaceWith(sheet));
    const words = make("p", { class: "attachment__words" }, [
      make("span", { class: "attachment__name", text: name, dir: "auto" }), new Text(" "),
      make("span", { class: "attachment__size", text: sizeText(byte_size, page.locale) }),
    ]);
    const element = make("li", { class: "attachment" }, [image ?? sheet, words, remove]);
    /** @type {Attachment} */
    const attachment = { known, element, state: "sending", refusal: null, isRemoved: false, picture };
    remove.addEventListener("click", () => this.#remove(attachment));
    return attachment;
  }

  /** @param {Attachment} attachment */
  #remove(attachment) {
    const { id, key } = attachment.known;
    if (id) dropFile(id);
    else uploads.stop(key);
    attachment.isRemoved = true;
    this.#forget(attachment);
    this.#changed();
  }

  /** @param {Attachment} attachment */
  #forget(attachment) {
    if (attachment.picture) URL.revokeObjectURL(attachment.picture);
    attachment.element.remove();
    this.#all = this.#all.filter((it) => it !== attachment);
  }

  #changed() {
    this.#list.hidden = this.isEmpty;
    const count = this.#all.length;
    const is = (/** @type {State} */ state) => this.#all.some((it) => it.state === state);
    const key = ["sending", "waiting"].find((state) => is(/** @type {State} */ (state))) ?? (is("failed") ? "count" : "ready");
    const words = count ? say(`files.${key}`, { count }) : "";
    if (this.#words.textContent !== words) this.#words.textContent = words; // Or it would be read out again.
    this.#showWhetherMore();
    this.#options.changed();
  }

  /** The strip fades out where it goes on. */
  #showWhetherMore() {
    const { scrollLeft, scrollWidth, clientWidth, classList } = this.#list;
    const before = Math.abs(scrollLeft); // Below zero where one reads from right to left.
    classList.toggle("attachments--before", before > 1);
    classList.toggle("attachments--more", scrollWidth - clientWidth - before > 1);
  }
}

function isLive() {
  return transport.state === "online" && navigator.onLine;
}

/** How large the picture on a tile is, so that it has its place wherever it is shown next. @param {HTMLElement} tile */
function sizeOf(tile) {
  const image = tile.querySelector("img");
  return { width: image?.naturalWidth || null, height: image?.naturalHeight || null };
}

/** @param {OutgoingFile} known @returns {OutgoingFile} */
function withoutNulls({ width, height, ...known }) {
  return /** @type {OutgoingFile} */ ({ ...known, ...(width && { width, height }) });
}
