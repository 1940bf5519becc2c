// @ts-check
// One file on its way to the house. XMLHttpRequest, for no other way tells how far an upload has come.

import { at, page, say } from "../page.js";

/** The house itself has trouble, or wants to wait: the same may be taken in a moment. */
const PASSING = new Set([401, 423, 429, 500, 502, 503, 504]);

/**
 * @param {number} roomId @param {File} file
 * @param {{ progress: import("../lib/uploads.js").Progress, signal: AbortSignal }} options
 * @returns {Promise<import("../lib/uploads.js").UploadAnswer>} what it is now, or why it is not there
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
      request.addEventListener(name, () => done({ why: say("files.failed"), passes: true }));
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

/** @param {XMLHttpRequest} request @returns {import("../lib/uploads.js").UploadAnswer} */
function answerOf({ status, responseText }) {
  const isFinal = status === 413 || status === 422;
  try {
    const answer = JSON.parse(responseText);
    if (answer.ok && answer.file?.id) return { file: answer.file };
    if (answer.error) return { why: answer.error, isFinal, passes: PASSING.has(status) };
  } catch {
    // A refusal from before the house itself, or a proxy's page.
  }
  if (status === 413) return { why: say("files.too_big"), isFinal };
  return status === 507 ? { why: say("files.no_space") } : { why: say("files.failed"), passes: true };
}
