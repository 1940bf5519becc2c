// @ts-check

import { say } from "../house.js";
import { judge } from "../lib/password-strength.js";
import { make } from "./make.js";

const SPOKEN_AFTER_MS = 1_200;
const LABELS = { 1: "strength.refused", 2: "strength.fair", 3: "strength.good", 4: "strength.strong" };
const REFUSALS = {
  short: "strength.short", long: "strength.long", pattern: "strength.pattern", name: "strength.name", common: "strength.common",
};
/** @type {ReadonlySet<string>} */
const NOTHING = new Set();

/** The words of the list, and the request for them: one for all fields of a page. @type {ReadonlySet<string>} */
let common = NOTHING;
/** @type {Promise<void> | null} */
let fetching = null;

/**
 * Shows how good the new password in a field is: four segments, and words in the place of the hint. To those who
 * listen it speaks when the typing rests, not at every key.
 */
export class StrengthMeter {
  #input;
  #rules;
  #hint;
  #bar = make("div", { class: "strength__bar", "aria-hidden": "true" }, segments());
  #words = make("p", { class: "strength__words" });
  #spoken = make("p", { class: "visually-hidden", role: "status" });
  /** @type {any} */
  #timer;

  /** @param {HTMLElement} field its data- attributes are the rules @param {HTMLInputElement} input */
  constructor(field, input) {
    const { atLeast, atMost, houseName, commonPasswords } = field.dataset;
    this.#input = input;
    this.#rules = { atLeast: Number(atLeast), atMost: Number(atMost), houseName: houseName ?? "" };
    this.#hint = field.querySelector(".field__hint");
    // Words for eyes and words for ears are two elements: the one changes at every key.
    this.#words.setAttribute("aria-hidden", "true");
    // One place for both, so that nothing below moves when one takes turns with the other.
    const says = make("div", { class: "strength__says" }, this.#hint ? [this.#hint, this.#words] : [this.#words]);
    field.querySelector(".password-field__box")?.after(this.#bar, says, this.#spoken);
    const wake = () => fetchCommon(commonPasswords ?? "").then(() => this.#show());
    input.addEventListener("focus", wake);
    (input.form ?? field).addEventListener("input", () => this.#show());
    input.addEventListener("input", () => { wake(); this.#speakLater(); });
    if (document.activeElement === input) wake();
    this.#show();
  }

  #show() {
    const verdict = this.#verdict();
    this.#bar.dataset.step = String(verdict?.step ?? 0);
    this.#hint?.classList.toggle("is-replaced", Boolean(verdict));
    this.#words.replaceChildren();
    if (!verdict) return;
    const label = make("strong", { class: "strength__label", text: say(LABELS[verdict.step]) });
    this.#words.append(label, new Text(` ${advice(verdict)}`));
  }

  #speakLater() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const verdict = this.#verdict();
      this.#spoken.textContent = verdict ? `${say(LABELS[verdict.step])} ${advice(verdict)}` : "";
    }, SPOKEN_AFTER_MS);
  }

  #verdict() {
    const { value } = this.#input;
    if (!value) return null;
    const username = this.#beside("username");
    return judge(value, { ...this.#rules, username, houseName: this.#beside("house_name") || this.#rules.houseName, common });
  }

  /** What stands in another field of the form. @param {string} name */
  #beside(name) {
    const other = this.#input.form?.elements.namedItem(name);
    return other instanceof HTMLInputElement ? other.value : "";
  }
}

/** @param {import("../lib/password-strength.js").Verdict} verdict */
function advice({ refusal, count, help }) {
  if (refusal) return say(REFUSALS[refusal], { count });
  return help ? say(help === "words" ? "strength.add_word" : "strength.add_characters") : "";
}

/** Without the list there is still the rest of the rules, so nobody hears of a failure. @param {string} address */
function fetchCommon(address) {
  fetching ??= fetch(address)
    .then((reply) => (reply.ok ? reply.text() : Promise.reject(reply.status)))
    .then((words) => { common = new Set(words.split("\n")); })
    .catch(() => { fetching = null; });
  return fetching;
}

function segments() {
  return [1, 2, 3, 4].map(() => make("span", { class: "strength__segment" }));
}
