import assert from "node:assert/strict";
import { test } from "node:test";
import { Progress } from "../../static/js/lib/progress.js";
import { Timeline } from "../../static/js/lib/timeline.js";
import { seededRandom, shuffled } from "./stand-ins.js";

const message = (seq, changed_seq = seq) => ({ seq, changed_seq });
const seqs = (timeline) => timeline.entries.map((entry) => entry.seq);

test("messages stand in order of seq, however they arrive", () => {
  const timeline = new Timeline([message(5), message(2)], false);
  assert.deepEqual(timeline.take(message(4)), { change: "added", index: 1 });
  assert.deepEqual(timeline.take(message(9)), { change: "added", index: 3 });
  assert.deepEqual(timeline.take(message(1)), { change: "added", index: 0 });
  assert.deepEqual(seqs(timeline), [1, 2, 4, 5, 9]);
  assert.deepEqual([timeline.oldestSeq, timeline.newestSeq], [1, 9]);
});

test("the same message again changes nothing", () => {
  const timeline = new Timeline([message(1)], false);
  assert.deepEqual(timeline.take(message(1)), { change: "none" });
  assert.equal(timeline.entries.length, 1);
});

test("a later form replaces an earlier one and never the other way round", () => {
  const [first, edited, late] = [message(1), message(1, 7), message(1, 3)];
  const timeline = new Timeline([first], false);
  assert.deepEqual(timeline.take(edited), { change: "replaced", index: 0, old: first });
  assert.deepEqual(timeline.take(late), { change: "none" });
  assert.equal(timeline.find(1), edited);
  assert.equal(timeline.find(2), undefined);
});

test("a change above what is loaded waits for its page", () => {
  const timeline = new Timeline([message(50), message(51)], true);
  assert.deepEqual(timeline.take(message(20, 90)), { change: "none" });
  assert.deepEqual(seqs(timeline), [50, 51]);
  const added = timeline.takeOlder([message(19), message(20), message(21)], true);
  assert.deepEqual(added.map((entry) => [entry.seq, entry.changed_seq]), [[19, 19], [20, 90], [21, 21]]);
  assert.deepEqual(seqs(timeline), [19, 20, 21, 50, 51]);
});

test("an older page twice adds its messages once", () => {
  const timeline = new Timeline([message(10)], true);
  timeline.takeOlder([message(8), message(9)], true);
  assert.deepEqual(timeline.takeOlder([message(8), message(9), message(7)], false).map((entry) => entry.seq), [7]);
  assert.deepEqual(seqs(timeline), [7, 8, 9, 10]);
  assert.equal(timeline.hasMore, false);
});

test("below a stretch from the middle nothing is put, and what is in it changes", () => {
  const timeline = new Timeline([message(20), message(21)], true, true);
  assert.deepEqual(timeline.take(message(90)), { change: "none" });
  assert.deepEqual(timeline.take(message(21, 91)).change, "replaced");
  timeline.takeOlder([message(18), message(19)], true);
  assert.deepEqual(seqs(timeline), [18, 19, 20, 21]);
});

test("an empty room takes its first message", () => {
  const timeline = new Timeline([], false);
  assert.deepEqual(timeline.take(message(3)), { change: "added", index: 0 });
});

/** A room on a server: posts, edits, deletes, and tells each change once. */
class Room {
  lastSeq = 0;
  messages = new Map();

  post() {
    const seq = ++this.lastSeq;
    return this.#store({ seq, changed_seq: seq, text: `m${seq}` });
  }

  change(random) {
    const all = [...this.messages.values()];
    const old = all[Math.floor(random() * all.length)];
    return this.#store({ ...old, changed_seq: ++this.lastSeq, text: `${old.text}'` });
  }

  changes(after) {
    const changed = [...this.messages.values()].filter((one) => one.changed_seq > after);
    return { messages: changed, last_seq: this.lastSeq };
  }

  before(seq, limit) {
    const older = [...this.messages.values()].filter((one) => one.seq < seq).sort((one, other) => one.seq - other.seq);
    return { messages: older.slice(-limit), has_more: older.length > limit };
  }

  #store(state) {
    this.messages.set(state.seq, state);
    return state;
  }
}

/** What <message-list> does with it, without the page. */
class Reader {
  constructor(room) {
    const { messages, has_more } = room.before(Infinity, 50);
    this.timeline = new Timeline(messages, has_more);
    this.progress = new Progress(room.lastSeq);
  }

  hear(event) {
    this.progress.heard(event.changed_seq);
    this.timeline.take(event);
  }

  catchUp(room) {
    const { messages, last_seq } = room.changes(this.progress.upTo);
    messages.forEach((one) => this.timeline.take(one));
    this.progress.caughtUp(last_seq);
  }

  scrollUp(page) {
    this.timeline.takeOlder(page.messages, page.has_more);
  }
}

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
  test(`a thousand changes dropped, doubled and reordered end in one order (seed ${seed})`, () => {
    const random = seededRandom(seed);
    const room = new Room();
    for (let index = 0; index < 120; index += 1) room.post();
    const reader = new Reader(room);
    let onTheWay = [];
    let page = null;
    let gaps = 0;

    for (let index = 0; index < 1000; index += 1) {
      const event = random() < 0.7 ? room.post() : room.change(random);
      if (random() > 0.1) onTheWay.push(event);
      if (random() < 0.1) onTheWay.push(event);
      // A page of history is answered at one moment and arrives at another.
      if (page === null && random() < 0.02) page = room.before(reader.timeline.oldestSeq, 50);
      if (random() < 0.3) {
        shuffled(onTheWay, random).forEach((one) => reader.hear(one));
        onTheWay = [];
      }
      if (reader.progress.hasGap) gaps += 1;
      if (page !== null && random() < 0.1) {
        reader.scrollUp(page);
        page = null;
      }
      if (random() < 0.02) reader.catchUp(room);
    }
    assert.ok(gaps > 100, "events were lost, or this proves nothing");
    if (page) reader.scrollUp(page);
    reader.catchUp(room);
    while (reader.timeline.hasMore) reader.scrollUp(room.before(reader.timeline.oldestSeq, 50));

    const truth = [...room.messages.values()].sort((one, other) => one.seq - other.seq);
    assert.deepEqual(reader.timeline.entries, truth);
    assert.deepEqual([reader.progress.upTo, reader.progress.hasGap], [room.lastSeq, false]);
  });
}
