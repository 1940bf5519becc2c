// @ts-check

const KEYS = new Map([["ArrowUp", -1], ["ArrowDown", 1]]);

/**
 * Makes many alike buttons one stop of the Tab key, the last one to begin with; arrows go from one to the next.
 * @param {HTMLElement} host @param {string} selector @param {AbortSignal} signal
 */
export function makeOneStop(host, selector, signal) {
  const all = () => /** @type {HTMLElement[]} */ ([...host.querySelectorAll(selector)]);
  const settle = () => {
    const buttons = all();
    const stop = buttons.find((it) => it === document.activeElement) ?? buttons.at(-1);
    for (const it of buttons) if (it.tabIndex !== (it === stop ? 0 : -1)) it.tabIndex = it === stop ? 0 : -1;
  };
  const observer = new MutationObserver(settle);
  observer.observe(host, { childList: true, subtree: true });
  signal.addEventListener("abort", () => observer.disconnect());
  host.addEventListener("focusin", settle, { signal });
  host.addEventListener("keydown", (event) => {
    const step = KEYS.get(event.key);
    const buttons = all();
    const index = buttons.findIndex((it) => it === event.target);
    if (!step || index < 0) return;
    event.preventDefault();
    buttons[index + step]?.focus();
  }, { signal });
  settle();
}
