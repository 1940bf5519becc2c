// @ts-check
// Every <time datetime> of the page, in the reader's language and time zone, kept true while time passes.

import { times } from "../house.js";

/** @typedef {"message" | "brief" | "day" | "when"} TimeStyle */

const REFRESH_MS = 30_000;

/** Times whose text will change by itself. @type {Map<HTMLTimeElement, TimeStyle>} */
const moving = new Map();

/**
 * Writes what `time` means. Its datetime must be set.
 * @param {HTMLTimeElement} time @param {TimeStyle} style
 */
export function tellTime(time, style) {
  const at = Date.parse(time.dateTime);
  if (Number.isNaN(at)) return;
  const now = Date.now();
  const text = time.hasAttribute("data-exact") ? times.exact(at) : times[style](at, now);
  // Writing the same text again would still cost a layout, and a selection.
  if (time.textContent !== text) time.textContent = text;
  if (time.title === "") time.title = times.exact(at);
  if (times.isMoving(at, now)) moving.set(time, style);
  else moving.delete(time);
}

/** Tells all times of the page, keeps them true, and makes them exact at a tap. @param {Document} page */
export function keepTimes(page) {
  /** @type {NodeListOf<HTMLTimeElement>} */
  const all = page.querySelectorAll("time[datetime]");
  all.forEach((time) => tellTime(time, styleOf(time)));
  setInterval(refresh, REFRESH_MS);
  page.addEventListener("visibilitychange", refresh);
  page.addEventListener("click", ({ target }) => {
    const time = /** @type {Element} */ (target).closest?.("time[datetime]");
    // Inside a link or a button the tap means the link or the button.
    if (!(time instanceof HTMLTimeElement) || time.closest("a, button, summary")) return;
    time.toggleAttribute("data-exact");
    tellTime(time, styleOf(time));
  });
}

function refresh() {
  if (document.visibilityState !== "visible") return;
  for (const [time, style] of moving) {
    if (time.isConnected) tellTime(time, style);
    else moving.delete(time);
  }
}

/** @param {Element} time @returns {TimeStyle} */
function styleOf(time) {
  if (time.closest(".action-card, .about-message__people")) return "when";
  if (time.closest(".message")) return "message";
  return time.closest(".day-divider") ? "day" : "brief";
}
