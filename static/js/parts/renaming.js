// @ts-check

/**
 * Writes a person's new name, initials and colour on all their messages.
 * @param {ParentNode} list @param {import("../page.js").Person} person
 */
export function nameAgain(list, { id, display_name, initials, color }) {
  for (const message of list.querySelectorAll(`.message[data-author-id="${Number(id)}"]`)) {
    /** @type {HTMLElement} */ (message).dataset.authorColor = String(color);
    write(message, ".message__author", display_name, color);
    write(message, ".message__avatar", initials, color);
  }
}

/** @param {Element} message @param {string} part @param {string} text @param {number} color */
function write(message, part, text, color) {
  const element = message.querySelector(part);
  if (!(element instanceof HTMLElement)) return;
  element.textContent = text;
  element.dataset.color = String(color);
}
