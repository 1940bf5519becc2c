// @ts-check

/** @typedef {string | Record<string, string>} Words a text, or its plural forms by CLDR category */

/**
 * Returns `say(key, vars)`: the text of `key` in the reader's language, with `{name}` replaced by
 * `vars.name`. Plural forms are chosen by `vars.count`. An unknown key is said as it is, so that a gap shows
 * but breaks nothing.
 * @param {Record<string, Words>} catalogue
 * @param {string} [locale]
 */
export function speaker(catalogue, locale) {
  const rules = pluralRules(locale);
  const numbers = numberFormat(locale);

  /** @param {string} key @param {Record<string, string | number>} [vars] */
  return function say(key, vars = {}) {
    const words = catalogue[key] ?? key;
    const text = typeof words === "string" ? words : words[rules.select(Number(vars.count))] ?? words.other ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => {
      const value = vars[name];
      if (value === undefined) return whole;
      return typeof value === "number" ? numbers.format(value) : value;
    });
  };
}

/** @param {string} [locale] */
function pluralRules(locale) {
  try {
    return new Intl.PluralRules(locale);
  } catch {
    return new Intl.PluralRules();
  }
}

/** @param {string} [locale] */
function numberFormat(locale) {
  try {
    return new Intl.NumberFormat(locale);
  } catch {
    return new Intl.NumberFormat();
  }
}
