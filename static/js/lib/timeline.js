// @ts-check

/** @typedef {{ seq: number, changed_seq: number }} Numbered */

/**
 * @template {Numbered} M
 * @typedef {(
 *   | { change: "added", index: number }
 *   | { change: "replaced", index: number, old: M }
 *   | { change: "none" }
 * )} Outcome
 */

/**
 * The loaded end of one room's messages, or a stretch further up, in order of seq, each in its latest form.
 * Takes the same message any number of times and in any order: only a later changed_seq changes anything.
 * @template {Numbered} M
 */
export class Timeline {
  /** @type {M[]} */
  entries = [];
  /** @type {Map<number, M>} changed messages above the loaded end: their page may be on its way already */
  #above = new Map();

  /**
   * @param {M[]} messages
   * @param {boolean} hasMore whether the room has older messages than these
   * @param {boolean} [hasNewer] whether it has newer ones: then these are not its end, and nothing is put below them
   */
  constructor(messages, hasMore, hasNewer = false) {
    this.hasMore = hasMore;
    this.hasNewer = hasNewer;
    this.entries = [...messages].sort((one, other) => one.seq - other.seq);
  }

  get oldestSeq() {
    return this.entries[0]?.seq ?? 0;
  }

  get newestSeq() {
    return this.entries.at(-1)?.seq ?? 0;
  }

  /** @param {number} seq @returns {M | undefined} */
  find(seq) {
    const index = this.#place(seq);
    return this.entries[index]?.seq === seq ? this.entries[index] : undefined;
  }

  /**
   * Takes a message that arrived live or by catching up.
   * @param {M} message
   * @returns {Outcome<M>}
   */
  take(message) {
    // Putting it at the end or at the top would pretend that nothing lies between; another page has it in its place.
    if (this.hasNewer && message.seq > this.newestSeq) return { change: "none" };
    if (this.hasMore && message.seq < this.oldestSeq) {
      keepLater(this.#above, message);
      return { change: "none" };
    }
    const index = this.#place(message.seq);
    const old = this.entries[index];
    if (old?.seq !== message.seq) {
      this.entries.splice(index, 0, message);
      return { change: "added", index };
    }
    if (message.changed_seq <= old.changed_seq) return { change: "none" };
    this.entries[index] = message;
    return { change: "replaced", index, old };
  }

  /**
   * Takes the page above the loaded end and returns what was really added, oldest first.
   * @param {M[]} page @param {boolean} hasMore
   */
  takeOlder(page, hasMore) {
    const latest = new Map();
    for (const message of page) if (!this.find(message.seq)) keepLater(latest, message);
    for (const seq of latest.keys()) {
      const changed = this.#above.get(seq);
      if (changed) keepLater(latest, changed);
      this.#above.delete(seq);
    }
    const added = [...latest.values()].sort((one, other) => one.seq - other.seq);
    this.entries = [...added, ...this.entries].sort((one, other) => one.seq - other.seq);
    this.hasMore = hasMore;
    return added;
  }

  /** The index of `seq`, or where it would stand. @param {number} seq */
  #place(seq) {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.entries[middle].seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * @template {Numbered} M
 * @param {Map<number, M>} messages @param {M} message
 */
function keepLater(messages, message) {
  const known = messages.get(message.seq);
  if (!known || known.changed_seq < message.changed_seq) messages.set(message.seq, message);
}
