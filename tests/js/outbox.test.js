import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox } from "../../static/js/lib/outbox.js";
import { Shelf } from "../../static/js/lib/shelf.js";
import { memoryStorage } from "./stand-ins.js";

/** A house that answers as told, a clock that is moved by hand, and tabs on one browser's storage. */
function house() {
  const storage = memoryStorage();
  const world = { storage, now: 1000, answers: [], received: [], timers: [], delivered: [], changes: 0, ids: 0 };
  world.answer = (...answers) => world.answers.push(...answers);
  world.tab = (name, more = {}) => new Outbox({
    shelf: new Shelf(storage), personId: 1, tab: name,
    newId: () => `id-${++world.ids}`,
    send: async (entry) => {
      world.received.push(entry.client_id);
      const answer = await (world.answers.shift() ?? { ok: true, message: { client_id: entry.client_id } });
      if (answer instanceof Error) throw answer;
      return answer;
    },
    delivered: (ack) => world.delivered.push(ack.message.client_id),
    changed: () => { world.changes += 1; },
    now: () => world.now,
    later: (fn, ms) => { world.timers.push({ fn, at: world.now + ms }); },
    ...more,
  });
  world.pass = async (ms) => {
    world.now += ms;
    const due = world.timers.filter(({ at }) => at <= world.now);
    world.timers = world.timers.filter(({ at }) => at > world.now);
    due.forEach(({ fn }) => fn());
    await settled();
  };
  return world;
}

const settled = () => new Promise((resolve) => { setTimeout(resolve, 5); });
const bodies = (outbox, roomId) => outbox.entries(roomId).map(({ body }) => body);
const no = (code, more = {}) => ({ ok: false, code, error: `Refused: ${code}.`, ...more });

test("messages are sent in the order they were written and leave when acknowledged", async () => {
  const world = house();
  const outbox = world.tab("a");
  for (const body of ["one", "two", "three"]) outbox.add(7, body);
  assert.deepEqual(bodies(outbox), ["one", "two", "three"]);
  await outbox.flush();
  assert.deepEqual(world.received, ["id-1", "id-2", "id-3"]);
  assert.deepEqual(world.delivered, ["id-1", "id-2", "id-3"]);
  assert.deepEqual(bodies(outbox), []);
  assert.equal(world.storage.length, 0);
});

test("without a connection nothing is lost, and it goes out as the same message later", async () => {
  const world = house();
  const outbox = world.tab("a");
  outbox.add(7, "hello");
  world.answer(new Error("offline"), new Error("timeout"));
  await outbox.flush();
  assert.deepEqual(bodies(outbox), ["hello"]);
  await world.pass(1000);
  assert.deepEqual(bodies(outbox), ["hello"]);
  await outbox.flush();
  assert.deepEqual(world.received, ["id-1", "id-1", "id-1"]);
  assert.deepEqual(bodies(outbox), []);
});

test("trouble makes one timer, however often it is tried", async () => {
  const world = house();
  const outbox = world.tab("a");
  outbox.add(7, "hello");
  world.answer(...Array.from({ length: 5 }, () => new Error("offline")));
  for (let index = 0; index < 5; index += 1) await outbox.flush();
  assert.equal(world.timers.length, 1);
});

test("a reload finds what was waiting and sends it at once", async () => {
  const world = house();
  world.tab("a").add(7, "before the crash");
  const reloaded = world.tab("a");
  assert.deepEqual(bodies(reloaded), ["before the crash"]);
  await reloaded.flush();
  assert.deepEqual(world.received, ["id-1"]);
});

test("a definite refusal is kept as failed, does not hold up the rest, and is not repeated by itself", async () => {
  for (const code of ["invalid", "forbidden", "not_found", "too_large", "conflict"]) {
    const world = house();
    const outbox = world.tab("a");
    outbox.add(7, "bad");
    outbox.add(7, "good");
    world.answer(no(code));
    await outbox.flush();
    await outbox.flush();
    assert.deepEqual(world.received, ["id-1", "id-2"]);
    assert.deepEqual(outbox.entries().map(({ body, failed }) => [body, failed]), [["bad", `Refused: ${code}.`]]);
  }
});

test("trouble in the house is no refusal", async () => {
  for (const code of ["unavailable", "unauthenticated", "unknown_event", "something_new"]) {
    const world = house();
    const outbox = world.tab("a");
    outbox.add(7, "hello");
    world.answer(no(code));
    await outbox.flush();
    assert.deepEqual(outbox.entries().map(({ failed }) => failed), [null]);
    await world.pass(1000);
    assert.deepEqual(bodies(outbox), []);
  }
});

test("a refused message can be tried again or given up", async () => {
  const world = house();
  const outbox = world.tab("a");
  outbox.add(7, "one");
  outbox.add(7, "two");
  world.answer(no("forbidden"), no("forbidden"));
  await outbox.flush();
  outbox.remove("id-2");
  outbox.retry("id-1");
  assert.deepEqual(outbox.entries().map(({ failed }) => failed), [null]);
  await outbox.flush();
  assert.deepEqual(world.received, ["id-1", "id-2", "id-1"]);
  assert.deepEqual(bodies(outbox), []);
});

test("too many messages wait as long as the house says, and are not pushed by writing more", async () => {
  const world = house();
  const outbox = world.tab("a");
  outbox.add(7, "one");
  world.answer(no("rate_limited", { retry_after: 20 }));
  await outbox.flush();
  outbox.add(7, "two");
  await outbox.flush();
  await world.pass(19_000);
  assert.deepEqual(world.received, ["id-1"]);
  await world.pass(1_000);
  assert.deepEqual(world.received, ["id-1", "id-1", "id-2"]);
});

test("the message itself, seen coming back, settles it as well as an acknowledgement", async () => {
  const world = house();
  const outbox = world.tab("a");
  outbox.add(7, "hello");
  world.answer(new Error("no answer"));
  await outbox.flush();
  outbox.remove("id-1");
  await world.pass(1000);
  assert.deepEqual(world.received, ["id-1"]);
});

test("what is written while sending is sent too", async () => {
  const world = house();
  const outbox = world.tab("a");
  outbox.add(7, "one");
  const flushing = outbox.flush();
  outbox.add(7, "two");
  await Promise.all([flushing, outbox.flush()]);
  assert.deepEqual(world.received, ["id-1", "id-2"]);
});

test("rooms and people are kept apart", () => {
  const world = house();
  const outbox = world.tab("a");
  outbox.add(7, "here");
  outbox.add(8, "there");
  assert.deepEqual(bodies(outbox, 7), ["here"]);
  assert.deepEqual(bodies(world.tab("a", { personId: 2 })), []);
  assert.equal(outbox.owns("homechat:outbox:1:id-1"), true);
  assert.equal(outbox.owns("homechat:outbox:12:id-1"), false);
  assert.equal(outbox.owns("homechat:draft:1:7"), false);
  assert.equal(outbox.owns(null), true);
});

test("every tab sends its own, and all see each other's", async () => {
  const world = house();
  const [one, two] = [world.tab("a"), world.tab("b")];
  one.add(7, "from one");
  two.add(7, "from two");
  assert.equal(bodies(one).length, 2);
  await Promise.all([one.flush(), two.flush()]);
  assert.deepEqual(world.received.toSorted(), ["id-1", "id-2"]);
});

test("what a closed tab left is sent by another after a while", async () => {
  const world = house();
  world.tab("closed").add(7, "left behind");
  const [one, two] = [world.tab("a"), world.tab("b")];
  await Promise.all([one.flush(), two.flush()]);
  assert.deepEqual(world.received, []);
  await world.pass(5000);
  // Without locks both may try; it is the same message to the house.
  assert.deepEqual([...new Set(world.received)], ["id-1"]);
  assert.deepEqual(bodies(one), []);
});

test("with locks no two tabs send the same message at once", async () => {
  const world = house();
  const held = new Set();
  const locks = {
    async request(name, _options, use) {
      if (held.has(name)) return use(null);
      held.add(name);
      try {
        return await use({ name });
      } finally {
        held.delete(name);
      }
    },
  };
  world.tab("same").add(7, "hello");
  // A duplicated tab has its twin's name.
  const twins = [world.tab("same", { locks }), world.tab("same", { locks })];
  await Promise.all(twins.map((twin) => twin.flush()));
  assert.deepEqual(world.received, ["id-1"]);
});

test("rubbish in the storage is passed over", async () => {
  const world = house();
  world.storage.setItem("homechat:outbox:1:x", "{half");
  world.storage.setItem("homechat:outbox:1:y", "null");
  world.storage.setItem("homechat:outbox:1:z", "7");
  const outbox = world.tab("a");
  outbox.add(7, "hello");
  await outbox.flush();
  assert.deepEqual(world.delivered, ["id-1"]);
});

test("messages written in the same millisecond keep their order", () => {
  const world = house();
  const outbox = world.tab("a");
  for (let index = 0; index < 20; index += 1) outbox.add(7, String(index));
  assert.deepEqual(bodies(outbox), Array.from({ length: 20 }, (_, index) => String(index)));
});

test("an answer waits with what it answers, and goes out without it when that is gone", async () => {
  const world = house();
  const sent = [];
  const outbox = world.tab("a", {
    send: async (entry) => {
      sent.push(entry.reply_to?.id ?? null);
      return sent.length > 1 ? { ok: true, message: { client_id: entry.client_id } }
        : no("conflict", { fields: { reply_to_id: "It was deleted." } });
    },
  });
  const quoted = { id: 3, author_name: "Ben", preview: "Who?" };
  const { client_id } = outbox.add(7, "me", { replyTo: quoted });
  assert.deepEqual(outbox.entries(7)[0].reply_to, quoted);
  await outbox.flush();
  assert.deepEqual([outbox.entries(7)[0].failed, outbox.entries(7)[0].reply_to], ["Refused: conflict.", undefined]);
  outbox.retry(client_id);
  await outbox.flush();
  assert.deepEqual(sent, [3, null]);
  assert.deepEqual(bodies(outbox), []);
});

const film = { key: "f", name: "film.webm", content_type: "video/webm", byte_size: 100, width: null, height: null };
const letter = { ...film, key: "l", name: "letter.txt", byte_size: 300 };
const sentAs = (id) => ({ file: { id, name: `${id}.bin`, url: `/${id}` } });

/** A house whose files arrive as told. */
function houseWithFiles(...answers) {
  const world = house();
  Object.assign(world, { brought: [], forgotten: [], shares: [], sent: [] });
  const more = {
    bring: async (entry, { key }, progress) => {
      world.brought.push(key);
      progress(0.5);
      return answers.shift() ?? sentAs(`id-of-${key}`);
    },
    forget: (files) => world.forgotten.push(...files.map(({ key }) => key)),
    moved: (_entry, share) => world.shares.push(share),
  };
  const tab = world.tab;
  world.tab = (name, besides = {}) => tab(name, { ...more, ...besides });
  return world;
}

test("a message goes when its files are there, and what is written since does not wait for it", async () => {
  let arrive;
  const world = houseWithFiles(new Promise((done) => { arrive = () => done(sentAs("x")); }));
  const outbox = world.tab("a");
  outbox.add(7, "with a film", { files: [film] });
  outbox.add(7, "words alone");
  await outbox.flush();
  assert.deepEqual(world.received, ["id-2"]);
  arrive();
  await settled();
  assert.deepEqual(world.received, ["id-2", "id-1"]);
  assert.deepEqual([bodies(outbox), world.forgotten], [[], ["f"]]);
});

test("how far the files of a message are is told as a share of all their bytes", async () => {
  const world = houseWithFiles();
  const outbox = world.tab("a");
  outbox.add(7, "", { files: [film, letter, { ...letter, key: "there", id: "x" }] });
  await outbox.flush();
  await settled();
  assert.deepEqual(world.shares, [350 / 700, 500 / 700]);
  assert.deepEqual(world.brought, ["f", "l"]);
});

test("files without a line are brought again, in the next page too, each until it is there", async () => {
  const world = houseWithFiles({ why: "No line.", passes: true }, sentAs("there"));
  const outbox = world.tab("a");
  outbox.add(7, "hello", { files: [film, letter] });
  await outbox.flush();
  await settled();
  assert.deepEqual(world.received, []);
  assert.deepEqual(outbox.entries().map(({ failed }) => failed), [null]);
  const reloaded = world.tab("a");
  await reloaded.flush();
  await settled();
  assert.deepEqual(world.brought, ["f", "l", "f"]);
  assert.deepEqual(world.received, ["id-1"]);
});

test("a refused file fails its message with its name and the reason, and it can be tried again", async () => {
  const world = houseWithFiles({ why: "Too large." });
  const outbox = world.tab("a");
  outbox.add(7, "hello", { files: [film] });
  await outbox.flush();
  await settled();
  assert.deepEqual(outbox.entries().map(({ failed }) => failed), ["film.webm: Too large."]);
  outbox.retry("id-1");
  await outbox.flush();
  await settled();
  assert.deepEqual(world.received, ["id-1"]);
});

test("what is taken back while its file travels is not sent", async () => {
  let arrive;
  const world = houseWithFiles(new Promise((done) => { arrive = () => done(sentAs("x")); }));
  const outbox = world.tab("a");
  outbox.add(7, "hello", { files: [film] });
  await outbox.flush();
  outbox.remove("id-1");
  arrive();
  await settled();
  assert.deepEqual([world.received, bodies(outbox), world.storage.length], [[], [], 0]);
});

test("files that the server has forgotten go once more, and only once", async () => {
  const world = houseWithFiles();
  const outbox = world.tab("a");
  outbox.add(7, "hello", { files: [{ ...film, id: "forgotten", url: "/forgotten" }] });
  const gone = no("invalid", { fields: { upload_ids: "Gone." } });
  world.answer(gone, gone);
  await outbox.flush();
  await settled();
  assert.deepEqual([world.brought, world.received], [["f"], ["id-1", "id-1"]]);
  assert.deepEqual(outbox.entries().map(({ failed }) => failed), ["Refused: invalid."]);
});

test("a file whose bytes are in another tab is waited for, and given up after a day", async () => {
  const gone = { why: "Gone.", isGone: true };
  const world = houseWithFiles(gone, gone, gone);
  world.tab("other").add(7, "theirs", { files: [film] });
  const outbox = world.tab("a");
  await outbox.flush();
  await world.pass(5000);
  assert.deepEqual([world.brought, outbox.entries()[0].failed], [["f"], null]);
  world.now += 24 * 60 * 60 * 1000;
  await outbox.flush();
  await world.pass(5000);
  assert.equal(outbox.entries()[0].failed, "film.webm: Gone.");

  outbox.add(7, "mine", { files: [film] });
  await outbox.flush();
  await settled();
  assert.equal(outbox.entries()[1].failed, "film.webm: Gone.");
});

test("what another tab left is brought and sent, but not while its files still move there", async () => {
  const world = houseWithFiles(new Promise(() => {}));
  const owner = world.tab("owner");
  owner.add(7, "hello", { files: [film] });
  await owner.flush();
  const outbox = world.tab("a");
  await outbox.flush();
  await world.pass(5000);
  assert.deepEqual([world.brought, world.received], [["f"], []]);
  world.now += 15_000;
  await outbox.flush();
  await world.pass(5000);
  assert.deepEqual([world.brought, world.received], [["f", "f"], ["id-1"]]);
});

test("a page that comes while the one before it still holds a message's files tries again", async () => {
  const world = houseWithFiles();
  let isHeld = true;
  const locks = { request: async (_name, _options, use) => use(isHeld ? null : {}) };
  const outbox = world.tab("a", { locks });
  outbox.add(7, "hello", { files: [film] });
  await outbox.flush();
  await settled();
  assert.deepEqual([world.brought, world.received], [[], []]);
  isHeld = false;
  await world.pass(5000);
  await settled();
  assert.deepEqual([world.brought, world.received], [["f"], ["id-1"]]);
});
