// @ts-check

const HOLD_MS = 450;
/** A finger is never quite still. */
const SLACK_PX = 10;

/**
 * Calls `act` when a finger rests on something; a mouse has other ways. Lifted then, it is no tap on what lies below.
 * @param {HTMLElement} host @param {string} selector of what can be pressed
 * @param {(pressed: HTMLElement) => void} act @param {AbortSignal} signal
 */
export function onLongPress(host, selector, act, signal) {
  /** @type {any} */
  let timer;
  let from = { x: 0, y: 0 };
  let hasRested = false;
  const letGo = () => clearTimeout(timer);

  host.addEventListener("pointerdown", ({ pointerType, isPrimary, target, clientX, clientY }) => {
    letGo();
    hasRested = false;
    const pressed = pressable(target, selector);
    if (pointerType === "mouse" || !isPrimary || !pressed) return;
    from = { x: clientX, y: clientY };
    timer = setTimeout(() => {
      hasRested = true;
      act(pressed);
    }, HOLD_MS);
  }, { signal });
  host.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (Math.hypot(clientX - from.x, clientY - from.y) > SLACK_PX) letGo();
  }, { signal });
  for (const end of ["pointerup", "pointercancel"]) host.addEventListener(end, letGo, { signal });
  host.addEventListener("click", (event) => {
    if (!hasRested || event.detail === 0) return;
    hasRested = false;
    event.preventDefault();
    event.stopPropagation();
  }, { capture: true, signal });
  // Some phones open a menu of their own after a while.
  host.addEventListener("contextmenu", (event) => {
    const byTouch = /** @type {PointerEvent} */ (event).pointerType === "touch";
    if (byTouch && pressable(event.target, selector)) event.preventDefault();
  }, { signal });
  signal.addEventListener("abort", letGo);
}

/** Links that somebody wrote keep the menu of their own. @param {EventTarget | null} target @param {string} selector @returns {HTMLElement | null} */
function pressable(target, selector) {
  if (!(target instanceof Element) || target.closest(".message__body a")) return null;
  return target.closest(selector);
}
