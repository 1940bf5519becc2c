// @ts-check
// One file on its way to the house. XMLHttpRequest, for no other way tells how far an upload has come.

import { say } from "../house.js";
import { at, page } from "../page.js";

/**
 * A file as the house knows it.
 * @typedef {{
 *   id: string, name: string, content_type: string, byte_size: number, url: string, thumbnail_url: string | null,
 *   width: number | null, height: number | null,
 * }} SentFile
 */

/** @typedef {{ why: string, isFinal: boolean }} Refusal for people; final: the same would be said again */

/**
 * @param {number} roomId @param {File} file
 * @param {{ progress: (share: number) => void, signal: AbortSignal }} options `progress`: from 0 to 1
 * @returns {Promise<{ file: SentFile } | Refusal>} what it is now, or why it is not there
 */
export function sendFile(roomId, file, { progress, signal }) {
  const form = new FormData();
  form.append("files", file, file.name);
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open("POST", at(`/rooms/${roomId}/uploads`));
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRFToken", page.csrf);
    request.upload.addEventListener("progress", ({ loaded, total }) => progress(total ? loaded / total : 0));
    request.addEventListener("load", () => done(answerOf(request)));
    for (const name of ["error", "abort", "timeout"]) {
      request.addEventListener(name, () => done({ why: say("files.failed"), isFinal: false }));
    }
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/** The person takes back what has arrived; should this get lost, the house forgets it in a day. @param {string} id */
export function dropFile(id) {
  const headers = { Accept: "application/json", "X-CSRFToken": page.csrf };
  fetch(at(`/uploads/${encodeURIComponent(id)}/drop`), { method: "POST", headers, keepalive: true }).catch(() => {});
}

/** @param {XMLHttpRequest} request @returns {{ file: SentFile } | Refusal} */
function answerOf({ status, responseText }) {
  const isFinal = status === 413 || status === 422;
  try {
    const answer = JSON.parse(responseText);
    if (answer.ok && answer.file?.id) return { file: answer.file };
    if (answer.error) return { why: answer.error, isFinal };
  } catch {
    // A refusal from before the house itself, or a proxy's page.
  }
  if (status === 413) return { why: say("files.too_big"), isFinal };
  return { why: say(status === 507 ? "files.no_space" : "files.failed"), isFinal };
}
