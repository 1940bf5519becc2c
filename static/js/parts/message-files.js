// @ts-check
// The files of a message: what templates/messages/_files.html leaves to scripts, and the same before it is there.

import { sizeText } from "../lib/bytes.js";
import { shortName } from "../lib/file-names.js";
import { page } from "../page.js";
import { icon, make } from "./make.js";

/** @typedef {import("../lib/outbox.js").OutboxFile} OutboxFile */

/** Adds drawings, and sizes as the reader writes them. @param {HTMLElement} message */
export function dressFiles(message) {
  for (const sign of message.querySelectorAll(".file__sign:empty")) sign.append(icon(sign.closest(".sound") ? "save" : "file"));
  /** @type {NodeListOf<HTMLElement>} */
  const sizes = message.querySelectorAll(".file__size[data-bytes]");
  for (const size of sizes) size.textContent = sizeText(Number(size.dataset.bytes), page.locale);
}

/** How many files a message has. @param {HTMLElement} message */
export function fileCount(message) {
  const files = message.querySelector(".message__files");
  return files instanceof HTMLElement ? Number(files.dataset.files) : 0;
}

/**
 * The files of a message that waits to be sent.
 * @param {OutboxFile[]} files
 * @param {(file: OutboxFile) => Promise<File | undefined>} bytesOf one that the house has yet to get
 */
export function pendingFiles(files, bytesOf) {
  const pictures = files.filter(({ content_type, width }) => content_type.startsWith("image/") && width);
  const others = files.filter((file) => !pictures.includes(file));
  return make("div", { class: "message__files", data: { files: files.length } }, [
    ...(pictures.length ? [pictureList(pictures, bytesOf)] : []), ...others.map(card),
  ]);
}

/** @param {OutboxFile[]} pictures @param {(file: OutboxFile) => Promise<File | undefined>} bytesOf */
function pictureList(pictures, bytesOf) {
  const several = pictures.length > 1 ? " pictures--several" : "";
  return make("ul", { class: `pictures${several}`, role: "list" }, pictures.map((file) => {
    const { name: alt, width, height, url, thumbnail_url } = file;
    const image = make("img", { class: "picture__image", width, height, alt });
    if (url) image.src = thumbnail_url ?? url;
    else bytesOf(file).then((bytes) => { if (bytes) showBytes(image, bytes); });
    return make("li", { class: "pictures__item" }, [make("span", { class: "picture" }, [image])]);
  }));
}

/** @param {HTMLImageElement} image @param {File} bytes */
function showBytes(image, bytes) {
  const url = URL.createObjectURL(bytes);
  for (const name of ["load", "error"]) image.addEventListener(name, () => URL.revokeObjectURL(url), { once: true });
  image.src = url;
}

/** @param {OutboxFile} file */
function card({ name, byte_size }) {
  return make("span", { class: "file" }, [
    make("span", { class: "file__sign" }),
    make("span", { class: "file__words" }, [
      make("span", { class: "file__name", text: shortName(name), dir: "auto" }), new Text(" "),
      make("span", { class: "file__size", data: { bytes: byte_size } }),
    ]),
  ]);
}
