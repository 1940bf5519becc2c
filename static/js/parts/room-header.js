// @ts-check
// The open room's name and state above the conversation.

import { listen, openRoom } from "../house.js";

/** Follows room:updated for the room that is open. */
export function showRoomNews() {
  listen("room:updated", ({ room_id, name, archived }) => {
    if (room_id !== openRoom?.id) return;
    if (archived) closeComposer();
    const title = document.querySelector(".conversation__title");
    if (!title || !name || document.querySelector('.room-item--current[data-kind="direct"]')) return;
    document.title = document.title.replace(title.textContent ?? "", name);
    title.textContent = name;
  }, new AbortController().signal);
}

/** Where nobody writes any more, the page says so in place of the composer; what was begun stays as a draft. */
function closeComposer() {
  /** @type {HTMLTemplateElement | null} */
  const closed = document.querySelector(".conversation > template[data-part=closed]");
  if (closed) document.querySelector("message-composer")?.replaceWith(closed.content.cloneNode(true));
}
