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

/** The first words of a message on one line. @param {string} body @param {number} [limit] in code points */
export function previewOf(body, limit = 140) {
  const line = body.replace(/\s+/g, " ").trim();
  const points = [...line.slice(0, limit * 2 + 2)];
  return points.length > limit ? `${points.slice(0, limit - 1).join("").trimEnd()}…` : line;
}
