// @ts-check

/** What is missing below this is a scroll bar or a rounding. */
const LEAST_PX = 40;

/**
 * The height of the keyboard that lies over the page, in pixels; 0 where there is none or the page made room
 * for it already.
 * @param {number} pageHeight of the window that the page is laid out in
 * @param {{ height: number, scale: number }} view what is seen of it, however much it is zoomed
 */
export function keyboardHeight(pageHeight, { height, scale }) {
  const covered = Math.round(pageHeight - height * scale);
  return covered >= LEAST_PX ? covered : 0;
}
