// @ts-check

const STEPS = /** @type {const} */ ([[1e6, "megabyte", 1], [1e3, "kilobyte", 0], [1, "byte", 0]]);

/**
 * How large a file is, as people say it.
 * @param {number} bytes @param {string} [locale]
 */
export function sizeText(bytes, locale) {
  const [per, unit, digits] = STEPS.find(([step]) => bytes >= step) ?? STEPS[2];
  const options = /** @type {const} */ ({
    style: "unit", unit, unitDisplay: unit === "byte" ? "long" : "short", maximumFractionDigits: digits,
  });
  try {
    return new Intl.NumberFormat(locale, options).format(bytes / per);
  } catch {
    return new Intl.NumberFormat("en", options).format(bytes / per);
  }
}
