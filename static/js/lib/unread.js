// @ts-check

const MOST_SHOWN = 99;

/**
 * All unread messages, without those of rooms that shall keep quiet.
 * @param {Iterable<{ unread: number, muted?: boolean }>} rooms
 */
export function countUnread(rooms) {
  let count = 0;
  for (const { unread, muted } of rooms) if (!muted) count += unread;
  return count;
}

/** What a badge says: "", "7", "99+". @param {number} count */
export function badgeText(count) {
  if (count <= 0) return "";
  return count > MOST_SHOWN ? `${MOST_SHOWN}+` : String(count);
}

/**
 * The title of the page with the number in front, in place of any that stood there.
 * @param {string} title @param {number} count
 */
export function withUnread(title, count) {
  const plain = title.replace(/^\(\d+\+?\) /, "");
  return count > 0 ? `(${badgeText(count)}) ${plain}` : plain;
}
