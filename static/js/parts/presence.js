// @ts-check
// Who is here, wherever a person is shown: any element with data-person-id and a .presence-dot inside.

import { listen } from "../house.js";

/** Follows everybody's coming and going. */
export function showPresence() {
  listen("presence:changed", ({ person_id, online }) => {
    for (const [person, dot] of dots()) if (person === person_id) dot.toggleAttribute("data-online", online);
  }, new AbortController().signal);
}

/** Sets all dots at once, since coming and going may have been missed. @param {number[]} online their ids */
export function showOnline(online) {
  const here = new Set(online);
  for (const [person, dot] of dots()) dot.toggleAttribute("data-online", here.has(person));
}

/** @returns {Iterable<[number, Element]>} each dot with whose it is */
function* dots() {
  // <body> carries the reader's own id and contains everybody's dots.
  for (const dot of document.querySelectorAll("[data-person-id]:not(body) .presence-dot")) {
    /** @type {HTMLElement | null} */
    const person = dot.closest("[data-person-id]");
    yield [Number(person?.dataset.personId), dot];
  }
}
