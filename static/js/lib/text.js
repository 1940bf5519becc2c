// @ts-check

/**
 * Characters as people and the server count them: code points, so that an emoji is one.
 * @param {string} text
 */
export function characterCount(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/**
 * Text that can be sent as UTF-8: half an emoji, as a bad paste leaves it, becomes U+FFFD.
 * @param {string} text
 */
export function wellFormed(text) {
  return text.toWellFormed?.() ?? text.replace(/\p{Surrogate}/gu, "\uFFFD");
}

/**
 * `text` on one line of at most `limit` code points, the last an ellipsis where something was left out. Like
 * the server, it never cuts inside a letter with its marks, an emoji sequence or a flag.
 * @param {string} text @param {number} [limit]
 */
export function previewOf(text, limit = 80) {
  const line = text.replace(/\s+/g, " ").trim();
  const points = [...line.slice(0, limit * 2 + 2)];
  if (points.length <= limit) return line;
  let end = 0;
  for (const whole of charactersOf(points.join(""))) {
    const next = end + characterCount(whole);
    if (next > limit - 1) break;
    end = next;
  }
  return `${points.slice(0, end || limit - 1).join("").trimEnd()}…`;
}

const BLOCKS = new Set(["BLOCKQUOTE", "BR", "LI", "OL", "P", "PRE", "UL"]);

/** @typedef {{ nodeName: string, nodeValue: string | null, childNodes: Iterable<TextTree> }} TextTree a DOM node */

/**
 * What a message says without its markup: white space where one block or line ends and the next begins, and
 * the numbers of a numbered list.
 * @param {TextTree} node @returns {string}
 */
export function plainText(node) {
  let text = "";
  let number = 0;
  for (const child of node.childNodes) {
    const gap = BLOCKS.has(child.nodeName) ? " " : "";
    if (node.nodeName === "OL" && child.nodeName === "LI") text += ` ${number += 1}. `;
    text += gap + (child.nodeValue ?? plainText(child)) + gap;
  }
  return text;
}

/** Characters as people see them, each with all that belongs to it. @param {string} text */
function charactersOf(text) {
  if (!Intl.Segmenter) return text;
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
}
