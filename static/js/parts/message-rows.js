// @ts-check

import { me } from "../house.js";
import { marks } from "../lib/grouping.js";
import { dress, rowOf, showDelivery, showMarks, takeAway, takeOver } from "./message-dress.js";
import { pendingRow, showFate, showShare } from "./pending-bubble.js";
import { quoteAgain } from "./quotes.js";

/**
 * @typedef {import("./message-dress.js").Row} Row
 * @typedef {import("../lib/timeline.js").Timeline<Row>} RowTimeline
 */

/** The list as one sees it: the rows of a timeline, then what waits to be sent, each dressed and marked. */
export class MessageRows {
  #list;
  /** @type {RowTimeline} */
  #timeline;
  /** @type {Row[]} */
  #pending = [];
  /** @type {number | null} */
  #firstUnreadSeq;
  #readUpTo = 0;

  /** @param {HTMLElement} list @param {RowTimeline} timeline @param {number | null} firstUnreadSeq */
  constructor(list, timeline, firstUnreadSeq) {
    this.#list = list;
    this.#timeline = timeline;
    this.#firstUnreadSeq = firstUnreadSeq;
    timeline.entries.forEach((row) => this.#dress(row));
    this.#mark(0, timeline.entries.length);
  }

  get firstUnreadSeq() {
    return this.#firstUnreadSeq;
  }

  /** The "new messages" line, if it is among what is loaded. */
  get line() {
    return this.#timeline.entries.find((row) => row.line)?.line ?? null;
  }

  /** The timeline took a new row at `index`. @param {number} index */
  added(index) {
    const row = this.#timeline.entries[index];
    const previous = this.#timeline.entries[index - 1];
    if (previous) previous.element.after(row.element);
    else this.#list.prepend(row.element);
    this.#dress(row);
    this.#mark(index - 1, index + 2);
  }

  /** The timeline holds a later form of the row at `index`. @param {number} index @param {Row} old */
  replaced(index, old) {
    const row = this.#timeline.entries[index];
    const focusAgain = keepFocus(old.element);
    takeOver(old.element, row.element);
    Object.assign(row, { element: old.element, divider: old.divider, line: old.line });
    this.#dress(row);
    focusAgain();
    this.#mark(index - 1, index + 2);
    quoteAgain(this.#list, row.element);
  }

  /** The timeline took an older page. @param {Row[]} rows oldest first */
  olderAdded(rows) {
    this.#list.prepend(...rows.map((row) => row.element));
    rows.forEach((row) => this.#dress(row));
    this.#mark(0, rows.length + 1);
  }

  /**
   * Shows exactly these as waiting below all others.
   * @param {import("../lib/outbox.js").Entry[]} entries oldest first
   */
  showPending(entries) {
    const known = new Map(this.#pending.map((row) => [row.client_id, row]));
    const waiting = entries.filter((entry) => !this.#has(entry.client_id));
    this.#pending = waiting.map((entry) => {
      const row = known.get(entry.client_id) ?? pendingRow(entry);
      if (!known.delete(entry.client_id)) this.#list.append(row.element);
      else showFate(row.element, entry);
      return row;
    });
    known.forEach(takeAway);
    this.#mark(this.#timeline.entries.length - 1, this.#timeline.entries.length + this.#pending.length);
  }

  /** So much of the files of one that waits is there. @param {string} clientId @param {number} share from 0 to 1 */
  showShare(clientId, share) {
    const row = this.#pending.find(({ client_id }) => client_id === clientId);
    if (row) showShare(row.element, share);
  }

  /** Moves the "new messages" line. @param {number | null} seq */
  setFirstUnread(seq) {
    if (seq === this.#firstUnreadSeq) return;
    const old = this.#firstUnreadSeq;
    this.#firstUnreadSeq = seq;
    this.#timeline.entries.forEach((row, index) => {
      if (row.seq === old || row.seq === seq) this.#mark(index - 1, index + 1);
    });
  }

  /** Everybody else has read up to `seq`. @param {number} seq */
  setReadUpTo(seq) {
    const changed = [Math.min(seq, this.#readUpTo), Math.max(seq, this.#readUpTo)];
    this.#readUpTo = seq;
    for (const row of this.#timeline.entries) {
      if (row.author_id === me?.id && row.seq > changed[0] && row.seq <= changed[1]) this.#showTick(row);
    }
  }

  /** A row per element, for those that are in the page from the start. @param {Element} list */
  static rowsIn(list) {
    /** @type {NodeListOf<HTMLElement>} */
    const elements = list.querySelectorAll(":scope > .message[data-seq]");
    return [...elements].map(rowOf);
  }

  /** Whether one's own message is here in its final form. @param {string} clientId */
  #has(clientId) {
    return this.#timeline.entries.slice(-100).some((row) => row.client_id === clientId && row.author_id === me?.id);
  }

  /** @param {Row} row */
  #dress(row) {
    dress(row);
    if (row.author_id === me?.id) this.#showTick(row);
  }

  /** @param {Row} row */
  #showTick(row) {
    showDelivery(row.element, row.seq <= this.#readUpTo ? "read" : "sent");
  }

  /** Marks the rows from index `from` to before `to`. @param {number} from @param {number} to */
  #mark(from, to) {
    for (let index = Math.max(0, from); index < to; index += 1) {
      const row = this.#at(index);
      if (row) showMarks(row, marks(this.#at(index - 1), row, this.#at(index + 1), this.#firstUnreadSeq));
    }
  }

  /** @param {number} index @returns {Row | undefined} */
  #at(index) {
    const { entries } = this.#timeline;
    return index < entries.length ? entries[index] : this.#pending[index - entries.length];
  }
}

/**
 * Returns what gives the focus back to the part of a message that has it, once the message is drawn anew.
 * @param {HTMLElement} message
 */
function keepFocus(message) {
  const focused = document.activeElement;
  if (!(focused instanceof HTMLElement) || !message.contains(focused)) return () => {};
  const { emoji, actionId } = focused.dataset;
  return () => {
    /** @type {HTMLElement | null} */
    const again = (emoji && message.querySelector(`.reaction[data-emoji="${CSS.escape(emoji)}"]`))
      || (actionId && message.querySelector(`.action-card__choice[data-action-id="${CSS.escape(actionId)}"]:enabled`))
      || message.querySelector(".message__more");
    again?.focus({ preventScroll: true });
  };
}
