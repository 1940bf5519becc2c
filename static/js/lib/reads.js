// @ts-check

/**
 * The number up to which everybody else has read: the double tick. 0 when somebody has read nothing or nobody
 * else is there (a note to oneself is not "read").
 * @param {Iterable<number>} lastReadSeqs of the other members
 */
export function readByAllUpTo(lastReadSeqs) {
  const numbers = [...lastReadSeqs];
  return numbers.length === 0 ? 0 : Math.min(...numbers);
}

/**
 * What others have read, from `data-reads` or an answer's `reads`.
 * @param {Record<string, number> | null | undefined} reads
 * @returns {Map<number, number>} person id → last read seq
 */
export function readsFrom(reads) {
  return new Map(Object.entries(reads ?? {}).map(([person, seq]) => [Number(person), Number(seq) || 0]));
}

/**
 * Messages by others after `seq`: what the jump button counts.
 * @param {{ seq: number, author_id: number }[]} messages in order of seq
 * @param {number} seq @param {number} me
 */
export function countAfter(messages, seq, me) {
  let count = 0;
  for (let index = messages.length - 1; index >= 0 && messages[index].seq > seq; index -= 1) {
    if (messages[index].author_id !== me) count += 1;
  }
  return count;
}
