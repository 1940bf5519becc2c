import assert from "node:assert/strict";
import { test } from "node:test";
import { Times } from "../../static/js/lib/times.js";

const at = (text) => Date.parse(text);
const NOW = at("2026-11-20T14:32:10Z");

test("a day is the reader's day", () => {
  const moment = at("2026-11-19T23:30:00Z");
  assert.equal(new Times("en", "UTC").dayKey(moment), "2026-11-19");
  assert.equal(new Times("de", "Europe/Berlin").dayKey(moment), "2026-11-20");
  assert.equal(new Times("ar-EG", "America/New_York").dayKey(moment), "2026-11-19");
  assert.equal(new Times("th-TH-u-ca-buddhist", "Asia/Bangkok").dayKey(moment), "2026-11-20");
});

test("a day divider says today, yesterday or the date", () => {
  const times = new Times("en-GB", "UTC");
  assert.equal(times.day(at("2026-11-20T00:00:00Z"), NOW), "Today");
  assert.equal(times.day(at("2026-11-19T23:59:59Z"), NOW), "Yesterday");
  assert.match(times.day(at("2026-11-13T12:00:00Z"), NOW), /^Friday,? 13 November$/);
  assert.match(times.day(at("2025-11-13T12:00:00Z"), NOW), /13 November 2025/);
  assert.equal(new Times("de", "UTC").day(NOW, NOW), "Heute");
});

test("yesterday is yesterday even on the day the clocks change", () => {
  const times = new Times("en", "Europe/Berlin");
  assert.equal(times.day(at("2026-10-24T22:30:00Z"), at("2026-10-26T22:30:00Z")), "Yesterday");
});

test("a message's time is relative for an hour and then the clock's", () => {
  const times = new Times("en-GB", "Europe/Berlin");
  assert.equal(times.message(NOW - 59_000, NOW), "now");
  assert.equal(times.message(NOW + 20_000, NOW), "now");
  assert.match(times.message(NOW - 5 * 60_000, NOW), /^5 min/);
  assert.match(times.message(NOW - 59.9 * 60_000, NOW), /^59 min/);
  assert.equal(times.message(NOW - 60 * 60_000, NOW), "14:32");
});

test("where there is little room the day is enough", () => {
  const times = new Times("en-GB", "UTC");
  assert.equal(times.brief(at("2026-11-20T09:05:00Z"), NOW), "09:05");
  assert.equal(times.brief(at("2026-11-19T09:05:00Z"), NOW), "yesterday");
  assert.equal(times.brief(at("2026-11-16T09:05:00Z"), NOW), "Mon");
  assert.equal(times.brief(at("2026-11-03T09:05:00Z"), NOW), "3 Nov");
  assert.equal(times.brief(at("2025-11-03T09:05:00Z"), NOW), "3 Nov 2025");
});

test("when something was, or will be, has its day where that is another", () => {
  const times = new Times("en-GB", "UTC");
  assert.equal(times.when(at("2026-11-20T09:05:00Z"), NOW), "09:05");
  assert.equal(times.when(at("2026-11-20T23:05:00Z"), NOW), "23:05");
  assert.match(times.when(at("2026-11-19T09:05:00Z"), NOW), /^19 Nov,? (at )?0?9:05$/);
  assert.match(times.when(at("2027-11-19T09:05:00Z"), NOW), /^19 Nov 2027,? (at )?0?9:05$/);
});

test("what lies ahead is said as ahead", () => {
  const times = new Times("en-GB", "UTC");
  assert.match(times.brief(NOW + 5 * 60_000, NOW), /^in 5 min/);
  assert.match(times.brief(NOW + 3 * 3_600_000, NOW), /^in 3 h/);
  assert.match(times.brief(NOW + 3 * 86_400_000, NOW), /^in 3 days/);
});

test("the exact time is exact", () => {
  const text = new Times("en-GB", "Europe/Berlin").exact(NOW);
  assert.match(text, /Friday,? 20 November 2026/);
  assert.match(text, /15:32:10/);
});

test("an unknown language or time zone is the browser's own", () => {
  assert.match(new Times("xx-yy-zz-!", "Mars/Olympus").dayKey(NOW), /^2026-11-\d\d$/);
  assert.match(new Times(undefined, undefined).dayKey(NOW), /^2026-11-\d\d$/);
});

test("old times stand still", () => {
  const times = new Times("en", "UTC");
  assert.equal(times.isMoving(NOW - 86_400_000, NOW), true);
  assert.equal(times.isMoving(NOW - 8 * 86_400_000, NOW), false);
});
