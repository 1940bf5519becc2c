// @ts-check

/**
 * The element that the server rendered. This is the only place where text becomes markup. It is safe because
 * the text comes from our own server over our own connection, rendered by the template that also renders the
 * page, with autoescape on and the message's body cleaned to a few harmless elements; and because our content
 * security policy lets no inline script run even if that failed.
 * @param {string} html one element
 * @returns {HTMLElement | null} null when there is none in it
 */
export function elementFrom(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild instanceof HTMLElement ? template.content.firstElementChild : null;
}
