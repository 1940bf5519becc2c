// @ts-check
// A message as it looks before the server has it: the same frame as templates/messages/_message.html, text
// only.

import { me, outbox, outboxFiles, say, takeBack, times } from "../house.js";
import { missing } from "../lib/outbox.js";
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
      ...(entry.files ? [pendingFiles(entry.files, ({ key }) => outboxFiles.get(key))] : []),
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
 * Shows whether it waits, and for what, or was refused, and in that case why and what can be done.
 * @param {HTMLElement} element @param {Entry} entry
 */
export function showFate(element, entry) {
  const { client_id, failed, reply_to } = entry;
  element.classList.toggle("message--failed", failed !== null);
  if (!reply_to) element.querySelector(".quote")?.remove();
  showDelivery(element, failed === null ? "waiting" : "failed");
  showUnderWay(element, failed === null ? missing(entry).length : 0, client_id);
  element.querySelectorAll(".message__reason, .message__retry").forEach((part) => part.remove());
  if (failed === null) return;
  element.querySelector(".message__meta")?.append(
    make("span", { class: "message__reason", text: failed || say("message.refused"), role: "alert" }),
    choice("retry", say("message.retry"), () => { outbox.retry(client_id); outbox.flush(); }),
    entry.files && mayWrite() ? choice("reply", say("message.take_back"), () => takeBack(client_id))
      : choice("trash", say("message.discard"), () => outbox.remove(client_id)),
  );
}

/** Shows how much of its files is there. @param {HTMLElement} element @param {number} share from 0 to 1 */
export function showShare(element, share) {
  const bar = element.querySelector("progress");
  if (!bar) return;
  // All has left; now the house looks at it, and nobody knows for how long.
  if (share < 1) bar.value = share;
  else bar.removeAttribute("value");
}

/** @param {HTMLElement} element @param {number} count of files that are not there yet @param {string} clientId */
function showUnderWay(element, count, clientId) {
  const present = element.querySelector(".under-way");
  if (present && count) return;
  present?.remove();
  if (!count) return;
  const text = say("files.under_way", { count });
  const back = make("button", { class: "under-way__back", type: "button", text: say("message.take_back") });
  back.addEventListener("click", () => takeBack(clientId));
  back.hidden = !mayWrite();
  element.querySelector(".message__meta")?.before(make("div", { class: "under-way" }, [
    make("p", { class: "under-way__words", text, role: "status" }), back,
    make("progress", { class: "progress", max: 1, value: 0, "aria-label": text }),
  ]));
}

/** Whether there is a box that takes words and files back. */
function mayWrite() {
  return document.querySelector("message-composer") !== null;
}

/** @param {string} drawing @param {string} text @param {() => void} act */
function choice(drawing, text, act) {
  const button = make("button", { class: "message__retry", type: "button" }, [icon(drawing), new Text(` ${text}`)]);
  button.addEventListener("click", act);
  return button;
}
