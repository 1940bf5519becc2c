// @ts-check
// <room-list>: the conversations of this person, newest first, with what is unread.

import { ask, isWatched, listen, me, openRoom, say } from "../house.js";
import { plainText, previewOf } from "../lib/text.js";
import { countUnread } from "../lib/unread.js";
import { showOnline } from "../parts/presence.js";
import { drawItem, markCurrent, newItem } from "../parts/room-item.js";
import { elementFrom } from "../parts/server-html.js";
import { showUnreadTotal } from "../parts/unread-total.js";

/** Several reasons to look again within this time are one. */
const GATHER_MS = 800;

/** @typedef {import("../parts/room-item.js").Item} Item */

class RoomList extends HTMLElement {
  /** @type {Map<number, Item>} in the order of the list */
  #items = new Map();
  /** @type {AbortController} */
  #leaving;
  /** @type {any} */
  #timer;

  connectedCallback() {
    if (!me || this.#leaving) return;
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    listen("sync", () => this.#refresh(), signal);
    listen("message", (payload) => this.#arrived(payload), signal);
    listen("unread:changed", ({ room_id, unread }) => this.#change(room_id, { unread }), signal);
    listen("room:entered", ({ room }) => this.#entered(room), signal);
    listen("room:left", ({ room_id }) => this.#left(room_id), signal);
    listen("room:updated", (news) => this.#updated(news), signal);
    listen("presence:changed", () => this.#refreshSoon(), signal);
    listen("person:updated", () => this.#refreshSoon(), signal);
    showUnreadTotal(this.#shownUnread());
  }

  disconnectedCallback() {
    this.#leaving?.abort();
    clearTimeout(this.#timer);
  }

  /** The house's own account of all rooms: whatever went by unheard, after this it is right. */
  async #refresh() {
    clearTimeout(this.#timer);
    const answer = await ask("room:list", {}).catch(() => null);
    if (!answer?.ok) return;
    const gone = new Set(this.#list.querySelectorAll(".room-item"));
    this.#items = new Map(answer.rooms.map((/** @type {Item} */ item) => [item.room_id, item]));
    for (const item of this.#items.values()) gone.delete(this.#draw(item));
    gone.forEach((element) => element.remove());
    this.#inOrder();
    showOnline(answer.online);
  }

  #refreshSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { if (isWatched()) this.#refresh(); }, GATHER_MS);
  }

  /** @param {any} payload */
  #arrived(payload) {
    const item = this.#items.get(payload.room_id);
    // The first words of a new conversation bring it into the list.
    if (!item) {
      this.#refresh();
      return;
    }
    // An edit or a deletion may or may not touch the last line; the house knows.
    if (payload.changed_seq !== payload.seq) {
      this.#refreshSoon();
      return;
    }
    // The same message comes again as the answer to sending it, or after a short break.
    if (payload.seq <= item.last_seq) return;
    const { author } = payload;
    const isMine = author.id === me?.id;
    const isRead = openRoom?.id === payload.room_id && openRoom?.isAttended();
    this.#items.delete(item.room_id);
    this.#items = new Map([[item.room_id, item], ...this.#items]);
    this.#change(item.room_id, {
      last_seq: payload.seq,
      unread: isMine ? 0 : item.unread + (isRead ? 0 : 1), // Whoever writes has read what stands above.
      last_message: { author_name: author.display_name, preview: previewIn(payload), at: payload.created_at },
    });
    this.#inOrder();
  }

  /** @param {Item} room */
  #entered(room) {
    this.#items = new Map([[room.room_id, room], ...this.#items]);
    this.#draw(room);
    this.#inOrder();
  }

  /** @param {number} roomId */
  #left(roomId) {
    this.#items.delete(roomId);
    this.#element(roomId)?.remove();
    this.#inOrder();
  }

  /** @param {{ room_id: number, name: string, archived: boolean }} news */
  #updated({ room_id, name, archived }) {
    if (archived) this.#left(room_id);
    // A conversation between people is named after them, by everybody differently.
    else if (this.#items.get(room_id)?.kind !== "direct") this.#change(room_id, { name });
  }

  /** @param {number} roomId @param {Partial<Item>} news */
  #change(roomId, news) {
    const item = this.#items.get(roomId);
    if (!item) {
      this.#refreshSoon();
      return;
    }
    Object.assign(item, news);
    this.#draw(item);
    showUnreadTotal(countUnread(this.#items.values()));
  }

  /** @param {Item} item */
  #draw(item) {
    const element = this.#element(item.room_id) ?? newItem(this, item);
    drawItem(element, item);
    markCurrent(element, openRoom?.id === item.room_id);
    return element;
  }

  /** Puts the lines into the order of the items, touching only those that stand wrong. */
  #inOrder() {
    const focused = document.activeElement;
    let place = this.#list.firstElementChild;
    for (const roomId of this.#items.keys()) {
      const element = this.#element(roomId);
      if (element && element === place) place = place.nextElementSibling;
      else if (element) this.#list.insertBefore(element, place);
    }
    if (focused instanceof HTMLElement && this.contains(focused)) focused.focus({ preventScroll: true });
    const empty = this.querySelector(".room-list__empty");
    if (empty instanceof HTMLElement) empty.hidden = this.#items.size > 0;
    showUnreadTotal(countUnread(this.#items.values()));
  }

  /** The sum of what the server put into the page. */
  #shownUnread() {
    const badges = [...this.querySelectorAll(".room-item__badge")];
    return badges.reduce((sum, badge) => sum + (parseInt(badge.textContent ?? "", 10) || 0), 0);
  }

  /** @param {number} roomId @returns {HTMLElement | null} */
  #element(roomId) {
    return this.#list.querySelector(`:scope > [data-room-id="${Number(roomId)}"]`);
  }

  /** @returns {HTMLElement} */
  get #list() {
    return /** @type {HTMLElement} */ (this.querySelector(".room-list__items"));
  }
}

/** The line that the house would show of a message. @param {any} payload */
function previewIn({ html, body, title, files }) {
  if (!body && !title && files?.length) return say("files.count", { count: files.length });
  const rendered = elementFrom(html)?.querySelector(".message__body");
  const text = rendered ? plainText(rendered) : body;
  return previewOf(title ? `${title}: ${text}` : text);
}

customElements.define("room-list", RoomList);
