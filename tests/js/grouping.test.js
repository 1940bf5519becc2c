import assert from "node:assert/strict";
import { test } from "node:test";
import { marks } from "../../static/js/lib/grouping.js";

const MINUTE = 60_000;
const message = (seq, author_id, minutes, more = {}) => ({ seq, author_id, at: minutes * MINUTE, day: "2026-11-20", kind: "text", ...more });

test("messages of one person within five minutes are one group", () => {
  const [one, two, three] = [message(1, 9, 0), message(2, 9, 5), message(3, 9, 6)];
  assert.deepEqual(marks(undefined, one, two, null), { grouped: false, lastOfGroup: false, startsDay: true, startsUnread: false });
  assert.deepEqual(marks(one, two, three, null), { grouped: true, lastOfGroup: false, startsDay: false, startsUnread: false });
  assert.equal(marks(two, three, undefined, null).lastOfGroup, true);
});

test("a group ends with the person, with five minutes, with the day, with news, and with what is no text", () => {
  const first = message(1, 9, 0);
  const others = [
    message(2, 8, 1),
    message(2, 9, 5.01),
    message(2, 9, 1, { day: "2026-11-21" }),
    message(2, 9, 1, { kind: "joined" }),
  ];
  for (const other of others) {
    assert.equal(marks(first, other, undefined, null).grouped, false);
    assert.equal(marks(undefined, first, other, null).lastOfGroup, true);
  }
  assert.equal(marks(first, message(2, 9, 1), undefined, 2).grouped, false);
  assert.equal(marks(undefined, first, message(2, 9, 1), 2).lastOfGroup, true);
});

test("a day divider stands where the day changes and above the first", () => {
  const next = message(2, 9, 1, { day: "2026-11-21" });
  assert.equal(marks(message(1, 9, 0), next, undefined, null).startsDay, true);
  assert.equal(marks(message(1, 9, 0), message(2, 9, 1), undefined, null).startsDay, false);
});

test("the line of news stands above the first unread one only", () => {
  assert.equal(marks(undefined, message(4, 9, 0), undefined, 4).startsUnread, true);
  assert.equal(marks(undefined, message(5, 9, 0), undefined, 4).startsUnread, false);
});
