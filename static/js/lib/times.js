// @ts-check

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Time texts in one language and time zone; the browser's own where those given are unknown to it. */
export class Times {
  #locale;
  #zone;
  /** @type {Map<string, Intl.DateTimeFormat>} making a formatter costs a thousand times its use */
  #formats = new Map();
  #relative;
  #dayNames;

  /** @param {string} [locale] @param {string} [timeZone] */
  constructor(locale, timeZone) {
    this.#locale = known(() => new Intl.DateTimeFormat(locale)) ? locale : undefined;
    this.#zone = known(() => new Intl.DateTimeFormat("en", { timeZone })) ? timeZone : undefined;
    this.#relative = new Intl.RelativeTimeFormat(this.#locale, { numeric: "auto", style: "short" });
    this.#dayNames = new Intl.RelativeTimeFormat(this.#locale, { numeric: "auto" });
  }

  /** "2026-11-20": the day as the reader lives it, for comparing. @param {number} at milliseconds */
  dayKey(at) {
    /** @type {Intl.DateTimeFormatOptions} */
    const digits = { year: "numeric", month: "2-digit", day: "2-digit" };
    const parts = this.#format("day-key", digits, "en-u-ca-gregory-nu-latn").formatToParts(at);
    return ["year", "month", "day"].map((type) => parts.find((part) => part.type === type)?.value).join("-");
  }

  /**
   * "Today", "Yesterday", "Friday, 13 November": what a day divider says.
   * @param {number} at @param {number} now
   */
  day(at, now) {
    const days = this.#daysAgo(at, now);
    if (days === 0 || days === 1) return this.#capital(this.#dayNames.format(-days, "day"));
    const year = this.#yearIfOther(at, now);
    return this.#format(`day ${year}`, { weekday: "long", day: "numeric", month: "long", year }).format(at);
  }

  /** "now", "5 min. ago", "14:32": beside a message, below its day. @param {number} at @param {number} now */
  message(at, now) {
    const age = now - at;
    // A clock a little behind the server's makes the newest message come from the future.
    if (age < MINUTE_MS && age > -MINUTE_MS) return this.#relative.format(0, "second");
    if (age >= MINUTE_MS && age < HOUR_MS) return this.#relative.format(-Math.floor(age / MINUTE_MS), "minute");
    return this.clock(at);
  }

  /**
   * "now", "5 min. ago", "14:32", "yesterday", "Mon", "3 Nov": where there is little room.
   * @param {number} at @param {number} now
   */
  brief(at, now) {
    if (at - now >= MINUTE_MS) return this.#ahead(at - now);
    const days = this.#daysAgo(at, now);
    if (days <= 0) return this.message(at, now);
    if (days === 1) return this.#dayNames.format(-1, "day");
    if (days < 7) return this.#format("weekday", { weekday: "short" }).format(at);
    const year = this.#yearIfOther(at, now);
    return this.#format(`date ${year}`, { day: "numeric", month: "short", year }).format(at);
  }

  /** "14:32" of today, "20 Nov, 14:32" of any other day: when something was, or will be. @param {number} at @param {number} now */
  when(at, now) {
    if (this.#daysAgo(at, now) === 0) return this.clock(at);
    const year = this.#yearIfOther(at, now);
    /** @type {Intl.DateTimeFormatOptions} */
    const parts = { day: "numeric", month: "short", year, hour: "numeric", minute: "2-digit" };
    return this.#format(`when ${year}`, parts).format(at);
  }

  /** "in 5 min.", "in 3 days" @param {number} left milliseconds */
  #ahead(left) {
    if (left < HOUR_MS) return this.#relative.format(Math.round(left / MINUTE_MS), "minute");
    if (left < DAY_MS) return this.#relative.format(Math.round(left / HOUR_MS), "hour");
    return this.#relative.format(Math.round(left / DAY_MS), "day");
  }

  /** "14:32" @param {number} at */
  clock(at) {
    return this.#format("clock", { timeStyle: "short" }).format(at);
  }

  /** "Friday, 20 November 2026 at 14:32:05" @param {number} at */
  exact(at) {
    return this.#format("exact", { dateStyle: "full", timeStyle: "medium" }).format(at);
  }

  /** Whether the text of `at` will change with time alone. @param {number} at @param {number} now */
  isMoving(at, now) {
    return this.#daysAgo(at, now) < 7;
  }

  /** Whole days between two days of the reader's calendar. @param {number} at @param {number} now */
  #daysAgo(at, now) {
    return Math.round((Date.parse(this.dayKey(now)) - Date.parse(this.dayKey(at))) / DAY_MS);
  }

  /** @param {number} at @param {number} now @returns {"numeric" | undefined} */
  #yearIfOther(at, now) {
    return this.dayKey(at).slice(0, 4) === this.dayKey(now).slice(0, 4) ? undefined : "numeric";
  }

  /** @param {string} text */
  #capital(text) {
    const [first = "", ...rest] = text;
    return first.toLocaleUpperCase(this.#locale) + rest.join("");
  }

  /** @param {string} name @param {Intl.DateTimeFormatOptions} options @param {string} [locale] */
  #format(name, options, locale = this.#locale) {
    let format = this.#formats.get(name);
    if (!format) {
      format = new Intl.DateTimeFormat(locale, { ...options, timeZone: this.#zone });
      this.#formats.set(name, format);
    }
    return format;
  }
}

/** @param {() => unknown} make */
function known(make) {
  try {
    make();
    return true;
  } catch {
    return false;
  }
}
