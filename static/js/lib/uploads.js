// @ts-check

import { Turns } from "./turns.js";

/**
 * A file as the house knows it.
 * @typedef {{
 *   id: string, name: string, content_type: string, byte_size: number, url: string, thumbnail_url: string | null,
 *   width: number | null, height: number | null,
 * }} SentFile
 * @typedef {{ why: string, isFinal?: boolean, passes?: boolean, isGone?: boolean }} Refusal
 *   why: for people.  isFinal: the same would be said again.  passes: it is the network's trouble, or the house's, and
 *   goes by.  isGone: its bytes are not on this device, or not any more
 * @typedef {{ file: SentFile } | Refusal} UploadAnswer
 * @typedef {(share: number) => void} Progress told from 0 to 1; at 1 all has left, and the house looks at it
 * @typedef {(roomId: number, file: File, options: { progress: Progress, signal: AbortSignal }) => Promise<UploadAnswer>} SendFile
 */

const AT_ONCE = 2;

/** Files on their way to the house, each once, whoever on this page waits for it. */
export class Uploads {
  #send;
  #turns = new Turns(AT_ONCE);
  /** @type {Map<string, { answer: Promise<UploadAnswer>, share: number, heard: Progress[], leaving: AbortController }>} */
  #running = new Map();

  /** @param {SendFile} send */
  constructor(send) {
    this.#send = send;
  }

  /**
   * @param {string} key the file's name among all that are on their way @param {number} roomId @param {File} file
   * @param {Progress} progress
   * @returns {Promise<UploadAnswer>} what it is now, or why it is not there; never rejected
   */
  bring(key, roomId, file, progress) {
    const upload = this.#running.get(key) ?? this.#start(key, roomId, file);
    upload.heard.push(progress);
    progress(upload.share);
    return upload.answer;
  }

  /** Nobody wants it any more. @param {string} key */
  stop(key) {
    this.#running.get(key)?.leaving.abort();
  }

  /** @param {string} key @param {number} roomId @param {File} file */
  #start(key, roomId, file) {
    const { promise: answer, resolve } = settleable();
    const upload = { answer, share: 0, heard: /** @type {Progress[]} */ ([]), leaving: new AbortController() };
    this.#running.set(key, upload);
    const progress = (/** @type {number} */ share) => {
      upload.share = share;
      for (const hear of upload.heard) hear(share);
    };
    this.#turns.add(async () => {
      const { signal } = upload.leaving;
      const came = signal.aborted ? { why: "", passes: true } : await this.#send(roomId, file, { progress, signal });
      this.#running.delete(key);
      resolve(came);
    });
    return upload;
  }
}

function settleable() {
  /** @type {(answer: UploadAnswer) => void} */
  let resolve = () => {};
  /** @type {Promise<UploadAnswer>} */
  const promise = new Promise((done) => { resolve = done; });
  return { promise, resolve };
}
