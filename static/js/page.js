// @ts-check
// What the server wrote on <body> for us, read once.

import { speaker } from "./lib/words.js";

const { dataset } = document.body;

/**
 * @typedef {{ id: number, username: string, display_name: string, initials: string, color: number }} Person
 */

export const page = {
  /** The path in front of every URL, "" when the house stands at the top of its host. */
  root: dataset.root ?? "",
  build: dataset.build ?? "",
  contract: Number(dataset.contract ?? 0),
  csrf: dataset.csrf ?? "",
  locale: (dataset.locale || document.documentElement.lang || "en").replaceAll("_", "-"),
  timezone: dataset.timezone || undefined,
  /** Whoever is signed in, or null on the doorstep. @type {Person | null} */
  me: dataset.personId ? { ...json(dataset.person, {}), id: Number(dataset.personId) } : null,
  /** @type {Record<string, import("./lib/words.js").Words>} */
  words: json(dataset.words, {}),
};

export const say = speaker(page.words, page.locale);

/** A path of this house as a URL path. @param {string} path beginning with a slash */
export function at(path) {
  return page.root + path;
}

/** @param {string | undefined} text @param {any} otherwise */
export function json(text, otherwise) {
  try {
    return JSON.parse(text || "null") ?? otherwise;
  } catch {
    return otherwise;
  }
}
