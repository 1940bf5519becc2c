// @ts-check
// <picture-viewer>: a picture of the conversation, as large as the screen, and the others of its message beside it.
// It is a place of its own in the history of the window: going back closes it.

import { say } from "../house.js";

/** A finger that came this far meant the next picture. */
const SWIPE_PX = 50;
const STATE = "viewer";

class PictureViewer extends HTMLElement {
  /** @type {AbortController} */ #leaving;
  /** @type {HTMLDialogElement} */ #dialog;
  /** @type {HTMLImageElement} */ #image;
  /** @type {HTMLAnchorElement[]} */ #pictures = [];
  #shown = 0;
  /** Where the one finger came down, if there was one. @type {number | null} */
  #from = null;

  connectedCallback() {
    const dialog = this.querySelector("dialog");
    const image = dialog?.querySelector("img");
    if (!dialog || !image || this.#leaving) return;
    this.#leaving = new AbortController();
    this.#dialog = dialog;
    this.#image = image;
    const { signal } = this.#leaving;
    document.addEventListener("click", (event) => this.#clicked(event), { signal });
    dialog.addEventListener("click", ({ target }) => this.#touched(target), { signal });
    // Of the document: at the last picture the button that had the focus hides, and then nothing in here has it.
    document.addEventListener("keydown", ({ key }) => this.#keyPressed(key), { signal });
    dialog.addEventListener("close", () => this.#closed(), { signal });
    addEventListener("popstate", () => dialog.close(), { signal });
    dialog.addEventListener("touchstart", ({ touches }) => this.#fingersDown(touches), { passive: true, signal });
    dialog.addEventListener("touchend", ({ changedTouches }) => this.#fingerUp(changedTouches[0]), { signal });
    this.querySelector(".viewer__more")?.addEventListener("click", () => this.#openMenu(), { signal });
    this.#step("back")?.addEventListener("click", () => this.#go(-1), { signal });
    this.#step("on")?.addEventListener("click", () => this.#go(1), { signal });
  }

  disconnectedCallback() {
    this.#leaving?.abort();
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const { target } = event;
    const link = target instanceof Element ? target.closest("a.picture") : null;
    // Whoever wants a page of its own gets one.
    if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.#pictures = [...(link.closest(".message")?.querySelectorAll("a.picture") ?? [])]
      .filter((it) => it instanceof HTMLAnchorElement);
    this.#show(Math.max(0, this.#pictures.indexOf(link)));
    this.#dialog.showModal();
    history.pushState(STATE, "");
  }

  #closed() {
    this.#image.removeAttribute("src");
    if (history.state === STATE) history.back();
  }

  /** What can be done with the message that it is from. */
  #openMenu() {
    this.#dialog.close();
    /** @type {HTMLElement | null | undefined} */
    const more = this.#pictures[this.#shown]?.closest(".message")?.querySelector(".message__more");
    more?.click();
  }

  /** @param {TouchList} touches */
  #fingersDown(touches) {
    // Two fingers, or one on what is enlarged already, look closer.
    this.#from = touches.length === 1 && (visualViewport?.scale ?? 1) === 1 ? touches[0].clientX : null;
  }

  /** @param {Touch} touch */
  #fingerUp({ clientX }) {
    const way = this.#from === null ? 0 : clientX - this.#from;
    this.#from = null;
    if (Math.abs(way) > SWIPE_PX) this.#go(way < 0 ? this.#onward : -this.#onward);
  }

  /** A touch beside the picture closes it. @param {EventTarget | null} target */
  #touched(target) {
    if (target === this.#dialog || (target instanceof Element && target.matches(".viewer__stage"))) this.#dialog.close();
  }

  /** @param {string} key */
  #keyPressed(key) {
    if (!this.#dialog.open) return;
    if (key === "ArrowRight") this.#go(this.#onward);
    if (key === "ArrowLeft") this.#go(-this.#onward);
  }

  /** Which way the next picture lies: 1 is to the right. */
  get #onward() {
    return getComputedStyle(this).direction === "rtl" ? -1 : 1;
  }

  /** @param {number} steps */
  #go(steps) {
    const wanted = this.#shown + steps;
    if (this.#pictures[wanted]) this.#show(wanted);
  }

  /** @param {number} index */
  #show(index) {
    const link = this.#pictures[index];
    const name = link.querySelector("img")?.alt ?? "";
    this.#shown = index;
    this.#image.src = link.href;
    this.#image.alt = name;
    this.#image.classList.toggle("viewer__picture--see-through", link.classList.contains("picture--see-through"));
    const title = this.querySelector(".viewer__name");
    if (title) title.textContent = name;
    const count = this.#pictures.length;
    const place = this.querySelector(".viewer__place");
    if (place) place.textContent = count > 1 ? say("viewer.place", { number: index + 1, count }) : "";
    const save = this.querySelector(".viewer__save");
    save?.setAttribute("href", link.href);
    save?.setAttribute("download", name);
    for (const [side, other] of /** @type {const} */ ([["back", index - 1], ["on", index + 1]])) {
      const step = this.#step(side);
      if (step) step.hidden = !this.#pictures[other];
    }
  }

  /** @param {"back" | "on"} side @returns {HTMLElement | null} */
  #step(side) {
    return this.querySelector(`.viewer__step--${side}`);
  }
}

customElements.define("picture-viewer", PictureViewer);
