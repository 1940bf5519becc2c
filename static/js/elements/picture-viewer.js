// @ts-check
// <picture-viewer>: a picture of the conversation, as large as the screen, and the others of its message beside it.

class PictureViewer extends HTMLElement {
  /** @type {AbortController} */ #leaving;
  /** @type {HTMLDialogElement} */ #dialog;
  /** @type {HTMLImageElement} */ #image;
  /** @type {HTMLAnchorElement[]} */ #pictures = [];
  #shown = 0;

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
    dialog.addEventListener("close", () => this.#image.removeAttribute("src"), { signal });
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
  }

  /** A touch beside the picture closes it. @param {EventTarget | null} target */
  #touched(target) {
    if (target === this.#dialog || (target instanceof Element && target.matches(".viewer__stage"))) this.#dialog.close();
  }

  /** @param {string} key */
  #keyPressed(key) {
    if (!this.#dialog.open) return;
    const onward = getComputedStyle(this).direction === "rtl" ? -1 : 1;
    if (key === "ArrowRight") this.#go(onward);
    if (key === "ArrowLeft") this.#go(-onward);
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
    const title = this.querySelector(".viewer__name");
    if (title) title.textContent = name;
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
