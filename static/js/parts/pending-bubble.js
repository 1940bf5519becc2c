// @ts-check
// A message as it looks before the server has it: the same frame as templates/messages/_message.html, text
// only.

import { me, outbox, say, times } from "../house.js";
import { icon, make } from "./make.js";
import { dress, showDelivery } from "./message-dress.js";
import { pendingFiles } from "./message-files.js";
import { quoteOf } from "./quotes.js";

/** @typedef {import("../lib/outbox.js").Entry} Entry */

/** @param {Entry} entry @returns {import("./message-dress.js").Row} */
export function pendingRow(entry) {
  const { id = 0, color = 0, initials = "", display_name = "" } = me ?? {};
  const data = { color };
  const datetime = new Date(entry.at).toISOString();
  const element = make("li", {
    class: "message message--pending",
    data: { clientId: entry.client_id, authorId: id, authorColor: color, kind: "text" },
  }, [
    make("span", { class: "avatar avatar--small message__avatar", text: initials, data, "aria-hidden": true }),
    make("div", { class: "message__bubble" }, [
      make("p", { class: "message__author", text: display_name, data, dir: "auto" }),
      ...(entry.reply_to ? [quoteOf(entry.reply_to)] : []),
      make("div", { class: "message__body message__body--plain", text: entry.body, dir: "auto" }),
      ...(entry.files ? [pendingFiles(entry.files)] : []),
      make("p", { class: "message__meta" }, [make("time", { class: "message__time", datetime })]),
    ]),
  ]);
  const row = {
    seq: Infinity, changed_seq: 0, client_id: entry.client_id, author_id: id,
    at: entry.at, day: times.dayKey(entry.at), kind: "text", element,
  };
  dress(row);
  showFate(element, entry);
  return row;
}

/**
 * Shows whether it waits or was refused, and in that case why and what can be done.
 * @param {HTMLElement} element @param {Entry} entry
 */
export function showFate(element, { client_id, failed, reply_to }) {
  element.classList.toggle("message--failed", failed !== null);
  if (!reply_to) element.querySelector(".quote")?.remove();
  showDelivery(element, failed === null ? "waiting" : "failed");
  element.querySelectorAll(".message__reason, .message__retry").forEach((part) => part.remove());
  if (failed === null) return;
  element.querySelector(".message__meta")?.append(
    make("span", { class: "message__reason", text: failed || say("message.refused"), role: "alert" }),
    choice("retry", say("message.retry"), () => { outbox.retry(client_id); outbox.flush(); }),
    choice("trash", say("message.discard"), () => outbox.remove(client_id)),
  );
}

/** @param {string} drawing @param {string} text @param {() => void} act */
function choice(drawing, text, act) {
  const button = make("button", { class: "message__retry", type: "button" }, [icon(drawing), new Text(` ${text}`)]);
  button.addEventListener("click", act);
  return button;
}
