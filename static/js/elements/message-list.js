// @ts-check
// <message-list>: one room's conversation, from what the server put in the page to what arrives now.

import { ask, enterRoom, goTo, listen, me, openRoom, outbox } from "../house.js";
import { countAfter, readByAllUpTo, readsFrom } from "../lib/reads.js";
import { Timeline } from "../lib/timeline.js";
import { json } from "../page.js";
import { Announcer } from "../parts/announcer.js";
import { CatchUp } from "../parts/catch-up.js";
import { rowOf } from "../parts/message-dress.js";
import { MessageRows } from "../parts/message-rows.js";
import { OlderPages } from "../parts/older-pages.js";
import { quoteAgain } from "../parts/quotes.js";
import { Reading } from "../parts/reading.js";
import { nameAgain } from "../parts/renaming.js";
import { ScrollKeeper } from "../parts/scroll-keeper.js";
import { elementFrom } from "../parts/server-html.js";

const PAGE_OF_MESSAGES = 50;
/** Somebody back from holidays is brought to where they stopped, within reason. */
const MOST_PAGES_TO_UNREAD = 10;
const FOUND_MS = 2_500;

class MessageList extends HTMLElement {
  #roomId = 0;
  /** @type {AbortController} */ #leaving;
  /** @type {Timeline<import("../parts/message-dress.js").Row>} */ #timeline;
  /** @type {MessageRows} */ #rows;
  /** @type {ScrollKeeper} */ #keeper;
  /** @type {CatchUp} */ #catchUp;
  /** @type {Reading} */ #reading;
  /** @type {OlderPages | null} */ #older = null;
  /** @type {Announcer} */ #announcer;
  /** @type {Map<number, number>} */ #reads = new Map();
  #seenAtBottom = 0;
  /** The view stands where its reader should begin; before that its moves mean nothing. */
  #isSettled = false;

  connectedCallback() {
    if (!me || this.#leaving) return;
    // An older page, reached without JavaScript: the newest one scrolls there by itself.
    if (new URLSearchParams(location.search).has("before")) {
      location.replace(location.pathname);
      return;
    }
    this.#leaving = new AbortController();
    this.#roomId = Number(this.dataset.roomId);
    this.#unpack();
    this.#listen(this.#leaving.signal);
    this.#begin();
  }

  disconnectedCallback() {
    this.#leaving?.abort();
    if (openRoom?.id === this.#roomId) enterRoom(null);
  }

  /** Builds the parts from what the server wrote. */
  #unpack() {
    const { signal } = this.#leaving;
    const list = /** @type {HTMLElement} */ (this.querySelector(".messages"));
    const scroller = /** @type {HTMLElement} */ (this.querySelector(".message-list__scroller"));
    const firstUnreadSeq = Number(this.dataset.firstUnreadSeq) || null;
    const lastSeq = Number(this.dataset.lastSeq) || 0;
    // Announcer speaks instead: here everything that moves would be read out.
    this.querySelector("[role=log]")?.setAttribute("aria-live", "off");

    this.#timeline = new Timeline(
      MessageRows.rowsIn(list), this.dataset.hasMore === "true", this.dataset.hasNewer === "true",
    );
    this.#rows = new MessageRows(list, this.#timeline, firstUnreadSeq);
    this.#keeper = new ScrollKeeper(scroller, list, { moved: () => this.#moved(), signal });
    this.#catchUp = new CatchUp(this.#roomId, lastSeq, (answer) => this.#takeAnswer(answer));
    this.#seenAtBottom = firstUnreadSeq ? firstUnreadSeq - 1 : this.#timeline.newestSeq;
    this.#reading = new Reading(this.#roomId, this.#seenAtBottom, {
      isAtBottom: () => this.#isAtEnd,
      newestSeq: () => this.#timeline.newestSeq,
      signal,
    });
    this.#announcer = new Announcer(this);
    const link = /** @type {HTMLElement | null} */ (this.querySelector(".message-list__older"));
    if (link) this.#older = new OlderPages(link, scroller, { load: () => this.#loadOlder(), signal });
    enterRoom({ id: this.#roomId, isAttended: () => this.#reading.isAttended });
  }

  /** @param {AbortSignal} signal */
  #listen(signal) {
    const hear = (/** @type {string} */ event, /** @type {(data: any) => void} */ fn) => {
      listen(event, (data) => { if (data.room_id === this.#roomId) fn(data); }, signal);
    };
    hear("message", (payload) => this.#arrived(payload));
    hear("posted", () => this.#ownPosted());
    hear("moved", ({ client_id, share }) => this.#rows.showShare(client_id, share));
    hear("room:read", (read) => this.#heardRead(read));
    hear("room:left", () => goTo("/"));
    hear("member:joined", ({ person }) => this.#memberJoined(person));
    hear("member:left", ({ person_id }) => this.#memberLeft(person_id));
    listen("person:updated", ({ person }) => nameAgain(this, person), signal);
    listen("outbox", () => this.#showPending(), signal);
    listen("sync", () => { this.#catchUp.run(); this.#older?.watch(); }, signal);
    this.#jump?.addEventListener("click", () => this.#toEnd(), { signal });
    this.addEventListener("click", (event) => this.#clicked(event), { signal });
  }

  /** Shows the reader what they came for, or where they stopped: the "new messages" line, or the end. */
  async #begin() {
    this.#setReads(readsFrom(json(this.dataset.reads, {})));
    this.#showPending();
    this.#keeper.toBottom();
    const unread = this.#rows.firstUnreadSeq;
    const sought = this.#timeline.find(Number(this.dataset.aroundSeq))?.element;
    if (unread && !sought) await this.#loadUpTo(unread);
    const start = sought ?? this.#rows.line;
    if (start) this.#keeper.toElement(start);
    this.#isSettled = true;
    this.classList.add("is-ready");
    this.#moved();
    this.#older?.watch();
  }

  /** @param {number} seq */
  async #loadUpTo(seq) {
    for (let pages = 0; pages < MOST_PAGES_TO_UNREAD; pages += 1) {
      if (!this.#timeline.hasMore || this.#timeline.oldestSeq <= seq || !this.#older) return;
      if (!await this.#older.more()) return;
    }
  }

  /** A message of this room came live. @param {any} payload */
  #arrived(payload) {
    this.#catchUp.heard(payload.changed_seq);
    const row = this.#take(payload);
    // Whoever writes has read what stands above; a bot may write without being in the room.
    if (this.#reads.has(payload.author.id)) this.#heardRead({ person_id: payload.author.id, last_read_seq: payload.seq });
    if (row && row.author_id !== me?.id) this.#announcer.announce(row.element);
    else if (payload.answer?.type === "action" && payload.answer.by.id !== me?.id) this.#announceAnswer(payload.seq);
    this.#moved();
  }

  /** Says who answered what. @param {number} seq */
  #announceAnswer(seq) {
    const words = this.#timeline.find(seq)?.element.querySelector(".action-card__answer > :last-child")?.textContent;
    if (words) this.#announcer.say(words.trim());
  }

  /** @param {any} answer to message:changes */
  #takeAnswer({ messages, reads }) {
    for (const payload of messages ?? []) this.#take(payload);
    if (reads) this.#setReads(readsFrom(reads));
    this.#moved();
  }

  /** Shows a message in its place. Returns its row if it is new here. @param {any} payload */
  #take(payload) {
    const element = elementFrom(payload.html);
    if (!element) return null;
    const outcome = this.#timeline.take(rowOf(element));
    if (outcome.change === "none") {
      // Of one above what is loaded, somebody's answer may be here.
      if (!this.#timeline.find(Number(element.dataset.seq))) quoteAgain(this, element);
      return null;
    }
    const row = this.#timeline.entries[outcome.index];
    this.#keeper.keep(() => {
      if (outcome.change === "replaced") this.#rows.replaced(outcome.index, outcome.old);
      else {
        this.#rows.added(outcome.index);
        this.#moveLine(row);
      }
    });
    // Caught up with, rather than announced: then nobody else has said so yet.
    if (row.author_id === me?.id) outbox.remove(row.client_id);
    return outcome.change === "added" ? row : null;
  }

  /**
   * News for an absent reader stands below a line, unless one with older news stands already.
   * @param {import("../parts/message-dress.js").Row} row
   */
  #moveLine({ seq, author_id }) {
    const line = this.#rows.firstUnreadSeq;
    if (author_id === me?.id || this.#reading.isAttended || seq <= this.#reading.readSeq) return;
    if (line === null || line <= this.#reading.readSeq) this.#rows.setFirstUnread(seq);
  }

  /** What a message answers is shown in its place. @param {MouseEvent} event */
  async #clicked(event) {
    const quote = /** @type {Element} */ (event.target).closest(".quote");
    if (!(quote instanceof HTMLElement) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const seq = Number(quote.dataset.quotedSeq);
    if (seq) await this.#loadUpTo(seq);
    const row = this.#timeline.entries.find(({ element }) => element.dataset.id === quote.dataset.quotedId);
    if (!row) return;
    this.#keeper.toElement(row.element);
    row.element.classList.add("message--found");
    setTimeout(() => row.element.classList.remove("message--found"), FOUND_MS);
  }

  async #loadOlder() {
    const before = this.#timeline.oldestSeq;
    const answer = await ask("message:history", { room_id: this.#roomId, before, limit: PAGE_OF_MESSAGES });
    if (!answer.ok) throw new Error(answer.code);
    this.#keeper.keep(() => {
      this.#rows.olderAdded(this.#timeline.takeOlder(rowsFrom(answer), answer.has_more));
      if (!answer.has_more) this.#showBeginning();
    });
    return answer.has_more;
  }

  #showBeginning() {
    this.dataset.hasMore = "false";
    /** @type {HTMLTemplateElement | null} */
    const beginning = this.querySelector("template[data-part=beginning]");
    if (beginning) this.querySelector(".messages")?.before(beginning.content.cloneNode(true));
    this.querySelector(".message-list__older")?.remove();
  }

  #showPending() {
    // What waits stands below the newest.
    if (this.#timeline.hasNewer) return;
    this.#keeper.keep(() => this.#rows.showPending(outbox.entries(this.#roomId)));
  }

  /** The reader wrote something: they look at the end now, and nothing above is news. */
  #ownPosted() {
    this.#keeper.keep(() => this.#rows.setFirstUnread(null));
    this.#toEnd();
  }

  /** Brings the reader to the newest message; from a stretch further up that is another page. */
  #toEnd() {
    if (this.#timeline.hasNewer) location.assign(location.pathname);
    else this.#keeper.toBottom();
  }

  get #isAtEnd() {
    return this.#keeper.isAtBottom && !this.#timeline.hasNewer;
  }

  /** The view moved, or something arrived below it. */
  #moved() {
    if (!this.#isSettled) return;
    if (this.#isAtEnd) this.#seenAtBottom = this.#timeline.newestSeq;
    if (this.#jump) {
      const count = countAfter(this.#timeline.entries, this.#seenAtBottom, me?.id ?? 0);
      this.#jump.hidden = this.#isAtEnd;
      this.#jump.classList.toggle("jump-to-latest--aside", this.#coversButton(this.#jump));
      const words = this.#jump.querySelector(".jump-to-latest__count");
      if (words) words.textContent = count > 0 ? String(count) : "";
    }
    this.#reading.look();
  }

  /** Whether what somebody is to press lies below it. @param {HTMLElement} jump */
  #coversButton(jump) {
    const { left, right, top, bottom } = jump.getBoundingClientRect();
    const corners = [[left, top], [right, top], [left, bottom], [right, bottom]];
    return corners.some(([x, y]) => document.elementsFromPoint(x, y).some((it) => it.matches(".action-card__choice")));
  }

  /** @returns {HTMLButtonElement | null} */
  get #jump() {
    return this.querySelector(".jump-to-latest");
  }

  /** @param {{ person_id: number, last_read_seq: number }} read */
  #heardRead({ person_id, last_read_seq }) {
    if (person_id !== me?.id) this.#setReads(new Map([[person_id, last_read_seq]]), { onlyThese: false });
  }

  /** Somebody new has read what was there before they came. @param {{ id: number }} person */
  #memberJoined({ id }) {
    if (id !== me?.id) this.#setReads(new Map([[id, this.#catchUp.upTo]]), { onlyThese: false });
  }

  /** @param {number} personId */
  #memberLeft(personId) {
    this.#reads.delete(personId);
    this.#rows.setReadUpTo(readByAllUpTo(this.#reads.values()));
  }

  /**
   * News about reading may arrive out of order; nobody unreads.
   * @param {Map<number, number>} reads @param {{ onlyThese?: boolean }} [options]
   */
  #setReads(reads, { onlyThese = true } = {}) {
    const merged = onlyThese ? new Map() : new Map(this.#reads);
    for (const [person, seq] of reads) merged.set(person, Math.max(seq, this.#reads.get(person) ?? 0));
    this.#reads = merged;
    this.#rows.setReadUpTo(readByAllUpTo(merged.values()));
  }
}

/**
 * @param {any} answer to message:history
 * @returns {import("../parts/message-dress.js").Row[]}
 */
function rowsFrom({ messages }) {
  return messages.map((/** @type {any} */ payload) => elementFrom(payload.html)).filter(Boolean).map(rowOf);
}

customElements.define("message-list", MessageList);
