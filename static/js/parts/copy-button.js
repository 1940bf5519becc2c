// @ts-check
// "Copy": a button that says itself that it did, so that no room is kept for the answer.

import { say } from "../house.js";
import { copyFrom } from "../lib/clipboard.js";
import { icon, make } from "./make.js";

const SAYS_SO_FOR_MS = 4000;

/**
 * Returns the button, and the line that says aloud what came of it; that one is seen only where it did not work.
 * @param {Parameters<typeof copyFrom>[0]} source
 * @param {string} byHand what to say then
 * @returns {[HTMLButtonElement, HTMLElement]}
 */
export function copyButton(source, byHand) {
  const status = make("p", { class: "copy-status visually-hidden", role: "status" });
  const button = make("button", { class: "button copy-button", type: "button" });
  const wear = (/** @type {SVGElement} */ picture, /** @type {string} */ text) =>
    button.replaceChildren(picture, new Text(` ${text}`));
  let again = 0;

  button.addEventListener("click", async () => {
    const copied = await copyFrom(source, {
      clipboard: navigator.clipboard,
      execCommand: (name) => document.execCommand(name),
    });
    status.classList.toggle("visually-hidden", copied);
    // A new element each time: the same words twice would be read out once.
    status.replaceChildren(make("span", { text: copied ? say("link.copied") : byHand }));
    if (!copied) return;
    button.focus();
    wear(icon("check"), say("link.copied"));
    clearTimeout(again);
    again = setTimeout(() => wear(icon("copy"), say("link.copy")), SAYS_SO_FOR_MS);
  });

  wear(icon("copy"), say("link.copy"));
  return [button, status];
}
