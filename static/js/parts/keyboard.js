// @ts-check

import { keyboardHeight } from "../lib/keyboard.js";

/**
 * Keeps --keyboard true: the height of the keyboard where the browser (on iOS, every one) lays it over the
 * page. The stylesheets subtract it from the conversation, so that one sees what one writes.
 */
export function makeRoomForKeyboard() {
  const view = window.visualViewport;
  if (!view) return;
  let known = 0;
  const look = () => {
    const height = keyboardHeight(window.innerHeight, view);
    if (height !== known) document.documentElement.style.setProperty("--keyboard", `${height}px`);
    known = height;
    // Before we could make room, the browser pushed the page up to show the field. It fits now.
    if (height > 0 && view.offsetTop > 0 && document.querySelector(".conversation")) window.scrollTo(0, 0);
  };
  view.addEventListener("resize", look);
  view.addEventListener("scroll", look);
  look();
}
