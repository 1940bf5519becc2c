// @ts-check
// Waiting longer after every failure, and at random, so that a family's devices do not all come back at once.

const FIRST_CEILING_MS = 500;
const LAST_CEILING_MS = 30_000;

/**
 * Milliseconds to wait before the next attempt: exponential with full jitter, anything from 0 to the ceiling
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 * @param {number} failures how many attempts have failed since the last success, from 0
 * @param {() => number} [random]
 */
export function backoffMs(failures, random = Math.random) {
  return random() * Math.min(LAST_CEILING_MS, FIRST_CEILING_MS * 2 ** failures);
}
