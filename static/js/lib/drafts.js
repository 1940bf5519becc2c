// @ts-check

/** What a person has begun to write, per room; it stays until it is sent or wiped. */
export class Drafts {
  #shelf;
  #personId;

  /** @param {import("./shelf.js").Shelf} shelf @param {number} personId */
  constructor(shelf, personId) {
    this.#shelf = shelf;
    this.#personId = personId;
  }

  /** The storage key, for tabs that watch each other. @param {number} roomId */
  key(roomId) {
    return `homechat:draft:${this.#personId}:${roomId}`;
  }

  /** @param {number} roomId */
  read(roomId) {
    const draft = this.#shelf.get(this.key(roomId));
    return typeof draft === "string" ? draft : "";
  }

  /** @param {number} roomId @param {string} text "" wipes it */
  write(roomId, text) {
    if (text === "") this.#shelf.remove(this.key(roomId));
    else if (text !== this.read(roomId)) this.#shelf.set(this.key(roomId), text);
  }
}
