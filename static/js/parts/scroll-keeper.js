// @ts-check

const AT_BOTTOM_PX = 40;

/**
 * Holds a scroller still for its reader: at the bottom while they are there, else on the message they look
 * at, whatever is added above or below, grows, shrinks or turns. Browsers do part of this (overflow-anchor),
 * Safari none, and none at the very top, so it is switched off and done here for all.
 */
export class ScrollKeeper {
  #scroller;
  #list;
  #moved;
  #isReversed;
  #atBottom = true;
  /** Where the scroller stood, and how high it was, when it was last looked at. */
  #place = 0;
  #height = 0;
  /** @type {{ element: Element, top: number } | null} */
  #anchor = null;

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} list whose children can be held on to
   * @param {{ moved: () => void, signal: AbortSignal }} options `moved` is called after each scroll
   */
  constructor(scroller, list, { moved, signal }) {
    this.#scroller = scroller;
    this.#list = list;
    this.#moved = moved;
    scroller.style.overflowAnchor = "none";
    // A scroller laid out backwards begins at its end, and counts upwards in negative numbers.
    this.#isReversed = getComputedStyle(scroller).flexDirection === "column-reverse";
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true, signal });
    const sizes = new ResizeObserver(() => this.#restore());
    sizes.observe(list);
    sizes.observe(scroller);
    signal.addEventListener("abort", () => sizes.disconnect());
  }

  get isAtBottom() {
    return this.#atBottom;
  }

  /** Makes changes to the list without moving what the reader sees. @param {() => void} change */
  keep(change) {
    // Somebody may have scrolled, and the event of it still be on its way.
    if (this.#scroller.scrollTop !== this.#place) this.#look();
    this.#remember();
    change();
    this.#restore();
  }

  toBottom() {
    this.#atBottom = true;
    this.#restore();
    this.#moved();
  }

  /** Brings an element near the top, so that what follows it can be read. @param {Element} element */
  toElement(element) {
    const gap = this.#scroller.clientHeight / 5;
    this.#scroller.scrollTop += this.#topOf(element) - gap;
    this.#scrolled();
  }

  #scrolled() {
    this.#look();
    this.#moved();
  }

  /** Sees where the reader is. While the scroller changes its own size, it is the browser that scrolls. */
  #look() {
    if (this.#scroller.clientHeight !== this.#height) return;
    this.#place = this.#scroller.scrollTop;
    this.#atBottom = this.#fromBottom() < AT_BOTTOM_PX;
    this.#remember();
  }

  #remember() {
    const element = this.#atBottom ? null : this.#firstVisible();
    this.#anchor = element && { element, top: this.#topOf(element) };
  }

  #restore() {
    if (this.#atBottom) {
      this.#scroller.scrollTop = this.#isReversed ? 0 : this.#scroller.scrollHeight;
    } else if (this.#anchor?.element.isConnected) {
      const shift = this.#topOf(this.#anchor.element) - this.#anchor.top;
      if (Math.abs(shift) >= 0.5) this.#scroller.scrollTop += shift;
    }
    this.#place = this.#scroller.scrollTop;
    this.#height = this.#scroller.clientHeight;
  }

  /** The first child that reaches into view, by halving: lists grow long. */
  #firstVisible() {
    const { children } = this.#list;
    const { top } = this.#scroller.getBoundingClientRect();
    let low = 0;
    let high = children.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (children[middle].getBoundingClientRect().bottom <= top) low = middle + 1;
      else high = middle;
    }
    // Dividers come and go with what is added around them; messages stay.
    /** @type {Element | null} */
    let element = children[low] ?? null;
    while (element && !element.matches(".message")) element = element.nextElementSibling;
    return element;
  }

  /** @param {Element} element */
  #topOf(element) {
    return element.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top;
  }

  #fromBottom() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    return this.#isReversed ? -scrollTop : scrollHeight - clientHeight - scrollTop;
  }
}
