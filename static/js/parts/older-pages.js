// @ts-check

import { say } from "../house.js";

/** How far above the view the next page is asked for, so that it is there when the reader is. */
const AHEAD = "800px";

/** Loads the page above whenever the top comes near, until there is none. The link works without us. */
export class OlderPages {
  #link;
  #load;
  #words;
  /** @type {Promise<boolean> | null} */
  #loading = null;
  #observer;

  /**
   * @param {HTMLElement} link `.message-list__older`
   * @param {HTMLElement} scroller
   * @param {{ load: () => Promise<boolean>, signal: AbortSignal }} options `load` brings one page, and says
   *   whether there are more; it rejects when the house cannot be reached
   */
  constructor(link, scroller, { load, signal }) {
    this.#link = link;
    this.#load = load;
    this.#words = link.textContent ?? "";
    this.#observer = new IntersectionObserver(
      ([{ isIntersecting }]) => { if (isIntersecting) this.more(); },
      { root: scroller, rootMargin: `${AHEAD} 0px` },
    );
    link.addEventListener("click", (event) => {
      event.preventDefault();
      this.more();
    }, { signal });
    signal.addEventListener("abort", () => this.#observer.disconnect());
  }

  /** Begins to watch, or looks again: an observer stays silent about what is still in view. */
  watch() {
    this.#observer.unobserve(this.#link);
    if (this.#link.isConnected) this.#observer.observe(this.#link);
  }

  /** Loads one page; returns whether that worked. Two callers at once share one page. */
  more() {
    this.#loading ??= this.#one().finally(() => { this.#loading = null; });
    return this.#loading;
  }

  async #one() {
    this.#say(say("history.loading"));
    try {
      const hasMore = await this.#load();
      this.#say(this.#words);
      if (hasMore) this.watch();
      return true;
    } catch {
      this.#say(say("history.failed"));
      return false;
    }
  }

  /** @param {string} words */
  #say(words) {
    this.#link.textContent = words;
  }
}
