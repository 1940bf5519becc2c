// @ts-check
// <typing-line>: who is writing in this room just now.

import { listen, me, say } from "../house.js";

/** The server says "stopped" after 6 s of silence; this is for when that word is lost. */
const FORGET_MS = 7_000;

class TypingLine extends HTMLElement {
  /** @type {Map<number, { name: string, timer: any }>} */
  #writers = new Map();
  /** @type {AbortController} */
  #leaving;

  connectedCallback() {
    if (!me || this.#leaving) return;
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    const hear = (/** @type {string} */ event, /** @type {(data: any) => void} */ fn) => {
      listen(event, (data) => { if (data.room_id === Number(this.dataset.roomId)) fn(data); }, signal);
    };
    hear("typing:started", ({ person }) => this.#started(person));
    hear("typing:stopped", ({ person_id }) => this.#stopped(person_id));
    hear("member:left", ({ person_id }) => this.#stopped(person_id));
    // Later changes, by whomever, say nothing of that.
    hear("message", ({ author, seq, changed_seq }) => { if (seq === changed_seq) this.#stopped(author.id); });
    listen("state", ({ state }) => { if (state !== "online") this.#forgetAll(); }, signal);
  }

  disconnectedCallback() {
    this.#leaving?.abort();
    this.#forgetAll();
  }

  /** @param {{ id: number, display_name: string }} person */
  #started({ id, display_name }) {
    if (id === me?.id) return;
    clearTimeout(this.#writers.get(id)?.timer);
    this.#writers.set(id, { name: display_name, timer: setTimeout(() => this.#stopped(id), FORGET_MS) });
    this.#show();
  }

  /** @param {number} id */
  #stopped(id) {
    const writer = this.#writers.get(id);
    if (!writer) return;
    clearTimeout(writer.timer);
    this.#writers.delete(id);
    this.#show();
  }

  #forgetAll() {
    for (const id of [...this.#writers.keys()]) this.#stopped(id);
  }

  #show() {
    const names = [...this.#writers.values()].map(({ name }) => name);
    this.toggleAttribute("data-active", names.length > 0);
    if (names.length === 0) this.textContent = "";
    else if (names.length === 1) this.textContent = say("typing.one", { name: names[0] });
    else if (names.length === 2) this.textContent = say("typing.two", { first: names[0], second: names[1] });
    else this.textContent = say("typing.several");
  }
}

customElements.define("typing-line", TypingLine);
