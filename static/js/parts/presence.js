// @ts-check
// Who is here, wherever a person is shown: any element with data-person-id and a .presence-dot inside.

import { listen } from "../house.js";

/** Keeps all dots of the page true. */
export function showPresence() {
  listen("presence:changed", ({ person_id, online }) => {
    // <body> carries the reader's own id and contains everybody's dots.
    const dots = document.querySelectorAll(`[data-person-id="${Number(person_id)}"]:not(body) .presence-dot`);
    dots.forEach((dot) => dot.toggleAttribute("data-online", online));
  }, new AbortController().signal);
}
