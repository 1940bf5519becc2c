// @ts-check
// <passkey-button>: makes or uses a passkey, and sends what came of it with the form inside. Where the browser
// cannot, or without us, it stays hidden, and there are other ways.

import { goTo, say } from "../house.js";
import { answerOf, canUsePasskeys, optionsToMake, optionsToUse, reasonOf } from "../lib/passkeys.js";
import { make } from "../parts/make.js";

const REQUEST_MS = 15_000;

/** A refusal of the house, with its own sentence. */
class Refused extends Error {
  /** @param {any} answer */
  constructor(answer) {
    super(answer?.error ?? "");
    this.code = answer?.code ?? "";
  }
}

class PasskeyButton extends HTMLElement {
  /** @type {HTMLFormElement} */ #form;
  /** @type {HTMLInputElement} */ #answer;
  /** Ends what the browser was asked before. */
  #asking = new AbortController();
  #leaving = new AbortController();

  connectedCallback() {
    const form = this.querySelector("form");
    const answer = form?.querySelector("input[data-answer]");
    if (!form || !(answer instanceof HTMLInputElement)) return;
    if (!canUsePasskeys(window, this.dataset.host ?? "")) return;
    this.#form = form;
    this.#answer = answer;
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    form.addEventListener("submit", (event) => this.#pressed(event), { signal });
    // Back again, with what was answered the last time still in the form.
    window.addEventListener("pageshow", ({ persisted }) => { if (persisted) this.#answer.value = ""; }, { signal });
    this.hidden = false;
    if ("autofill" in this.dataset) this.#offer();
  }

  disconnectedCallback() {
    this.#asking.abort();
    this.#leaving.abort();
  }

  get #ask() {
    return this.dataset.ask === "create" ? "create" : "get";
  }

  /** @param {SubmitEvent} event */
  async #pressed(event) {
    if (this.#answer.value) return;
    event.preventDefault();
    this.#say("");
    this.#form.setAttribute("aria-busy", "true");
    try {
      this.#send(await this.#browserAnswers());
    } catch (error) {
      this.#explain(error);
    } finally {
      this.#form.removeAttribute("aria-busy");
    }
  }

  /** Lets the browser name the passkeys it has beside the sign-in name; nobody has asked, so nobody is told. */
  async #offer() {
    try {
      if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
      if (this.#form.hasAttribute("aria-busy")) return;
      this.#send(await this.#browserAnswers("conditional"));
    } catch {
      // There are the other ways.
    }
  }

  /** @param {CredentialMediationRequirement} [mediation] */
  async #browserAnswers(mediation) {
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    const options = await this.#options(signal);
    const credential = this.#ask === "create"
      ? await navigator.credentials.create({ publicKey: /** @type {any} */ (optionsToMake(options)), signal })
      : await navigator.credentials.get({ publicKey: /** @type {any} */ (optionsToUse(options)), mediation, signal });
    return answerOf(credential);
  }

  /** @param {AbortSignal} signal */
  async #options(signal) {
    const response = await fetch(this.dataset.options ?? "", {
      method: "POST",
      headers: { Accept: "application/json", "X-CSRFToken": this.#token },
      cache: "no-store",
      signal: AbortSignal.any?.([signal, AbortSignal.timeout(REQUEST_MS)]) ?? signal,
    });
    const answer = await response.json().catch(() => null);
    if (!answer?.ok) throw new Refused(answer);
    return answer.options;
  }

  get #token() {
    const token = this.#form.elements.namedItem("csrf_token");
    return token instanceof HTMLInputElement ? token.value : "";
  }

  /** @param {string} answer */
  #send(answer) {
    this.#answer.value = answer;
    this.#form.requestSubmit();
  }

  /** @param {unknown} error */
  #explain(error) {
    if (error instanceof Refused && error.code === "step_up_needed") {
      goTo(`/confirm?${new URLSearchParams({ next: location.pathname })}`);
      return;
    }
    const refusal = error instanceof Refused ? error.message : "";
    this.#say(refusal || say(reasonOf(error, this.#ask)));
  }

  /** @param {string} words */
  #say(words) {
    // A new element each time: the same words twice would be read out once.
    this.querySelector(".passkey__status")?.replaceChildren(...(words ? [make("span", { text: words })] : []));
  }
}

customElements.define("passkey-button", PasskeyButton);
