// @ts-check
// <theme-switch>: shows the choice of light or dark at once; saving the form makes it last.

class ThemeSwitch extends HTMLElement {
  /** @type {AbortController} */
  #leaving;

  connectedCallback() {
    this.#leaving = new AbortController();
    this.addEventListener("change", ({ target }) => {
      if (!(target instanceof HTMLInputElement) || target.name !== "theme") return;
      document.documentElement.dataset.theme = target.value;
    }, { signal: this.#leaving.signal });
  }

  disconnectedCallback() {
    this.#leaving.abort();
  }
}

customElements.define("theme-switch", ThemeSwitch);
