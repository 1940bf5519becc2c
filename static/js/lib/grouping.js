// @ts-check

/**
 * @typedef {{ author_id: number, at: number, day: string, kind: string, seq: number }} Placed
 *   `at` in milliseconds, `day` as a day key in the reader's time zone
 */

const GROUP_GAP_MS = 5 * 60 * 1000;

/**
 * How a message looks between its neighbours.
 * @param {Placed | undefined} previous
 * @param {Placed} message
 * @param {Placed | undefined} next
 * @param {number | null} firstUnreadSeq where the "new messages" line stands
 */
export function marks(previous, message, next, firstUnreadSeq) {
  const grouped = belongs(previous, message, firstUnreadSeq);
  return {
    grouped,
    lastOfGroup: next === undefined || !belongs(message, next, firstUnreadSeq),
    startsDay: previous?.day !== message.day,
    startsUnread: message.seq === firstUnreadSeq,
  };
}

/**
 * Whether `message` continues what `previous` began: same author, same day, within five minutes, nothing
 * between.
 * @param {Placed | undefined} previous @param {Placed} message @param {number | null} firstUnreadSeq
 */
function belongs(previous, message, firstUnreadSeq) {
  return previous !== undefined
    && previous.author_id === message.author_id
    && previous.kind === "text" && message.kind === "text"
    && previous.day === message.day
    && message.at - previous.at <= GROUP_GAP_MS
    && message.seq !== firstUnreadSeq;
}
