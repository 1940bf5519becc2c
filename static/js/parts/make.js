// @ts-check
// Making elements by hand, with text that stays text.

const SVG = "http://www.w3.org/2000/svg";
const SPRITE = new URL("../../icons.svg", import.meta.url).pathname;

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {{ class?: string, text?: string, data?: Record<string, string | number>, [attribute: string]: any }} [attributes]
 * @param {Node[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, { class: names = "", text, data = {}, ...attributes } = {}, children = []) {
  const element = document.createElement(tag);
  if (names) element.className = names;
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(data)) element.dataset[name] = String(value);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** One drawing of the sprite; decoration, so words must stand beside it. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${SPRITE}#${name}`);
  svg.append(use);
  return svg;
}

/** Words for those who do not see the picture. @param {string} text */
export function hiddenWords(text) {
  return make("span", { class: "visually-hidden", text });
}
