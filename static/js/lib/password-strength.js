// @ts-check
// What the server would say to a new password, said while it is typed, and what would make it better. The rules are
// those of homechat/security/passwords.py, except that only the most common words are known here: the server is
// the judge, and whatever is refused here it refuses too.

const NEAR_NAME_CHARACTERS_MIN = 3;
const DISTINCT_CHARACTERS_MIN = 4;
// Longer input must not reach NFC, which is quadratic for long runs of marks.
const CHARACTERS_READ_MAX = 4_096;

const EDGES = /^[^\p{L}\p{Nl}\p{No}]+|[^\p{L}\p{Nl}\p{No}]+$/gu;
const LOOKALIKES = ["oieastbgasii", "oleastbgasll"].map((letters) => pairs("01345789@$!|", letters));

// Where "good" and "strong" begin: about three and four words that people pick themselves.
const GOOD_BITS = 36;
const STRONG_BITS = 48;
const PIECES = /\p{L}[\p{L}\p{M}]*|\p{N}+|\s+|[^]/gu;

/**
 * @typedef {object} Rules
 * @property {number} atLeast in code points after NFC, as the server counts them
 * @property {number} atMost
 * @property {string} username
 * @property {string} houseName
 * @property {ReadonlySet<string>} common words in small letters; may be empty
 */

/**
 * @typedef {object} Verdict
 * @property {1 | 2 | 3 | 4} step 1: it will be refused, 2: it will do, 3: good, 4: strong
 * @property {"short" | "long" | "pattern" | "name" | "common" | null} refusal why it will be refused
 * @property {number} count by how many characters it is too short or too long, else 0
 * @property {"words" | "characters" | null} help of what there should be more
 */

/**
 * Returns how good `password` is.
 * @param {string} password @param {Rules} rules @returns {Verdict}
 */
export function judge(password, rules) {
  const refused = refusalOf(password, rules);
  if (refused) return { step: 1, help: null, ...refused };
  const bits = bitsOf(password.normalize("NFC"), rules);
  if (bits >= STRONG_BITS) return { step: 4, refusal: null, count: 0, help: null };
  const help = /\p{L}{3}/u.test(password) ? "words" : "characters";
  return { step: bits >= GOOD_BITS ? 3 : 2, refusal: null, count: 0, help };
}

/**
 * @param {string} password @param {Rules} rules
 * @returns {Pick<Verdict, "refusal" | "count"> | null}
 */
function refusalOf(password, rules) {
  const raw = password.length > CHARACTERS_READ_MAX ? length(password) : 0;
  const count = raw > CHARACTERS_READ_MAX ? raw : length(password.normalize("NFC"));
  if (count > rules.atMost) return { refusal: "long", count: count - rules.atMost };
  if (count < rules.atLeast) return { refusal: "short", count: rules.atLeast - count };
  const folded = fold(password.normalize("NFC"));
  if (isPattern(folded)) return { refusal: "pattern", count: 0 };
  if (isNearName(folded, rules)) return { refusal: "name", count: 0 };
  return isCommon(folded, rules.common) ? { refusal: "common", count: 0 } : null;
}

/** Few different characters, one short piece over and over, or a run such as abcdefgh. @param {string} text */
function isPattern(text) {
  return new Set(text).size < DISTINCT_CHARACTERS_MIN || isRun(text) || length(unit(text)) < 4;
}

/** @param {string} text */
function isRun(text) {
  const points = [...text].map((character) => character.codePointAt(0) ?? 0);
  const steps = new Set(points.slice(1).map((point, place) => point - points[place]));
  return steps.size === 1 && (steps.has(1) || steps.has(-1));
}

/** A name that others know, with next to nothing around it. @param {string} text @param {Rules} rules */
function isNearName(text, rules) {
  const squeezed = [...spellings(text)].map(squeeze);
  return [...knownNames(rules)].some((name) => squeezed.some((spelling) => {
    if (length(name) < NEAR_NAME_CHARACTERS_MIN || !spelling.includes(name)) return false;
    const rest = spelling.replaceAll(name, "");
    return length(rest) < 4 || /^\p{Nd}+$/u.test(rest);
  }));
}

/**
 * A common word: as such, with digits and signs around it, with lookalikes, or repeated.
 * @param {string} text @param {ReadonlySet<string>} common
 */
function isCommon(text, common) {
  return [...spellings(text)].some((word) => common.has(word) || common.has(unit(word)));
}

/** @param {Rules} rules */
function knownNames({ username, houseName }) {
  const words = houseName.split(/\s+/).filter((word) => length(word) > 3);
  return new Set([username, houseName, "homechat", ...words].map((name) => squeeze(fold(name))));
}

/** @param {string} text */
function spellings(text) {
  const bare = text.replace(EDGES, "");
  const read = LOOKALIKES.flatMap((table) => [text, bare].map((each) => translate(each, table).replace(EDGES, "")));
  return new Set([text, bare, ...read]);
}

/** The piece that `text` consists of: "abc" for "abcabc"; `text` itself where nothing repeats. @param {string} text */
function unit(text) {
  return text.slice(0, (text + text).indexOf(text, 1));
}

/** Small letters, for comparing: Python's casefold. @param {string} text */
function fold(text) {
  // Letter by letter: in a whole word, a Σ at its end would become another letter.
  return Array.from(text, (letter) => (letter === "ı" ? letter : letter.toUpperCase().toLowerCase())).join("");
}

/** @param {string} text */
function squeeze(text) {
  return text.replace(/[^\p{L}\p{N}]+/gu, "");
}

/** @param {string} text @param {Map<string, string>} table */
function translate(text, table) {
  return Array.from(text, (character) => table.get(character) ?? character).join("");
}

/** @param {string} from @param {string} to */
function pairs(from, to) {
  return new Map([...from].map((character, place) => [character, to[place]]));
}

/** @param {string} text */
function length(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/**
 * A rough count of the bits that a guesser who knows how people choose would have to get right. Rather too low: it is
 * there to say "add another word", not to praise.
 * @param {string} password @param {Rules} rules
 */
function bitsOf(password, rules) {
  const names = knownNames(rules);
  const pieces = password.match(PIECES) ?? [];
  const seen = new Set();
  let bits = 0;
  for (const [place, piece] of pieces.entries()) {
    const isRepeated = seen.has(fold(piece));
    const isAtEdge = place === 0 || place === pieces.length - 1;
    seen.add(fold(piece));
    if (/^\s/u.test(piece)) continue;
    if (isRepeated) bits += 1;
    else if (/^\p{L}/u.test(piece)) bits += bitsOfLetters(piece, names, rules.common);
    else if (/^\p{N}/u.test(piece)) bits += bitsOfDigits(piece);
    else bits += isAtEdge ? 2 : 4;
  }
  return bits;
}

/** @param {string} word @param {Set<string>} names @param {ReadonlySet<string>} common */
function bitsOfLetters(word, names, common) {
  const folded = fold(word);
  const letters = length(word);
  if (names.has(folded) || (letters > 2 && (isRun(folded) || unit(folded) !== folded))) return 3;
  if (/\p{Ideographic}/u.test(word)) return 6 * letters;
  // Capitals in the middle are how machines choose, not people.
  if (/^.\p{Ll}*\p{Lu}/u.test(word) && /\p{Ll}/u.test(word)) return 5 * letters;
  if (letters < 3) return 4 * letters;
  const capitals = /\p{Lu}/u.test(word) ? 1 : 0;
  // English has about 2.6 bits a letter in texts of this length (Shannon, 1951); a known word is one of 4,000.
  return capitals + (common.has(folded) ? Math.min(12, 2.6 * letters) : 2.6 * letters);
}

/** @param {string} digits */
function bitsOfDigits(digits) {
  if (/^(19|20)\d\d$/.test(digits)) return 6;
  return isRun(digits) || new Set(digits).size === 1 ? Math.min(4, 3.3 * digits.length) : 3.3 * digits.length;
}
