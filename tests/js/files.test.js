import assert from "node:assert/strict";
import { test } from "node:test";
import { sizeText } from "../../static/js/lib/bytes.js";
import { OutboxFiles } from "../../static/js/lib/outbox-files.js";
import { Outbox } from "../../static/js/lib/outbox.js";
import { plainRequestFor } from "../../static/js/lib/plain-requests.js";
import { Shelf } from "../../static/js/lib/shelf.js";
import { Turns } from "../../static/js/lib/turns.js";
import { Uploads } from "../../static/js/lib/uploads.js";
import { memoryStorage } from "./stand-ins.js";

test("a size is said as people say it, in their language", () => {
  assert.equal(sizeText(0, "en"), "0 bytes");
  assert.equal(sizeText(999, "en"), "999 bytes");
  assert.equal(sizeText(48_300, "en"), "48 kB");
  assert.equal(sizeText(1_250_000, "de"), "1,3 MB");
  assert.equal(sizeText(1_200_000, "not a language"), "1.2 MB");
});

test("so much is done at once, and the rest in its order", async () => {
  const turns = new Turns(2);
  const log = [];
  const ends = [];
  for (const name of ["a", "b", "c", "d"]) {
    turns.add(() => new Promise((end) => { log.push(name); ends.push(end); }));
  }
  assert.deepEqual(log, ["a", "b"]);
  ends[1]();
  await new Promise(setImmediate);
  assert.deepEqual(log, ["a", "b", "c"]);
  ends[0]();
  await new Promise(setImmediate);
  assert.deepEqual(log, ["a", "b", "c", "d"]);
});

test("files of a message outlive the page, and go with it", async () => {
  const storage = memoryStorage();
  const sent = [];
  const make = () => new Outbox({
    shelf: new Shelf(storage), personId: 1, tab: "one", newId: () => "id-1",
    send: async (entry) => { sent.push(entry.files); return { ok: true }; },
  });
  make().add(7, "", { files: [{ id: "x", name: "otter.png" }] });
  await make().flush();
  assert.deepEqual(sent, [[{ id: "x", name: "otter.png" }]]);
  assert.deepEqual(make().entries(), []);
});

test("by plain request the ids of files are sent one by one, and none where there are none", () => {
  const data = { room_id: 7, body: "", client_id: "c" };
  assert.equal(plainRequestFor("message:send", { ...data, upload_ids: ["a", "b"] }).form.toString(),
    "body=&client_id=c&upload_ids=a&upload_ids=b");
  assert.equal(plainRequestFor("message:send", data).form.toString(), "body=&client_id=c");
});

/** A browser's store of bytes that forgets nothing, or refuses everything. */
function store({ refuses = false } = {}) {
  const held = new Map();
  const unless = (act) => async (...of) => { if (refuses) throw new Error("QuotaExceededError"); return act(...of); };
  return {
    held, put: unless((name, bytes) => { held.set(name, bytes); }), get: unless((name) => held.get(name)),
    remove: unless((name) => { held.delete(name); }), names: unless(() => [...held.keys()]),
  };
}

const letter = new File(["Dear all"], "letter.txt");

test("a file that waits outlives its page, and nobody else's page sees it", async () => {
  const browser = store();
  const page = new OutboxFiles({ store: browser, personId: 1 });
  const keeping = page.keep("a", letter, { outlives: true });
  assert.equal(page.isOnlyHere("a"), true);
  await keeping;
  assert.equal(page.isOnlyHere("a"), false);
  const next = new OutboxFiles({ store: browser, personId: 1 });
  assert.equal(await next.get("a"), letter);
  assert.equal(await new OutboxFiles({ store: browser, personId: 12 }).get("a"), undefined);
  await next.forget(["a"]);
  assert.equal(browser.held.size, 0);
});

test("where the browser keeps nothing, a file is there as long as its page, which knows that", async () => {
  const page = new OutboxFiles({ store: store({ refuses: true }), personId: 1 });
  await page.keep("a", letter, { outlives: true });
  assert.equal(page.isOnlyHere("a"), true);
  assert.equal(await page.get("a"), letter);
  assert.equal(await page.get("b"), undefined);
  await page.forget(["a"]);
  assert.equal(page.isOnlyHere("a"), false);
});

test("a file that is sent before the browser had it on its disk does not stay there", async () => {
  const browser = store();
  const page = new OutboxFiles({ store: browser, personId: 1 });
  const keeping = page.keep("a", letter, { outlives: true });
  await page.forget(["a"]);
  await keeping;
  assert.equal(browser.held.size, 0);
});

test("what pages left behind goes, but for what is waited for and what is another person's", async () => {
  const browser = store();
  for (const name of ["1:a", "1:b", "12:c"]) browser.held.set(name, letter);
  await new OutboxFiles({ store: browser, personId: 1 }).forgetAllBut(() => ["b"]);
  assert.deepEqual([...browser.held.keys()], ["1:b", "12:c"]);
});

test("a file travels once, whoever waits for it, and all hear how far it is", async () => {
  const sent = [];
  let arrive;
  const uploads = new Uploads((roomId, file, { progress }) => {
    sent.push(file.name);
    progress(0.5);
    return new Promise((done) => { arrive = () => done({ file: { id: "x" } }); });
  });
  const heard = [];
  const first = uploads.bring("a", 7, letter, () => {});
  const second = uploads.bring("a", 7, letter, (share) => heard.push(share));
  arrive();
  assert.deepEqual(await Promise.all([first, second]), [{ file: { id: "x" } }, { file: { id: "x" } }]);
  assert.deepEqual(sent, ["letter.txt"]);
  assert.deepEqual(heard, [0.5]);
});

test("a file that nobody wants any more does not begin its way", async () => {
  const begun = [];
  const ends = [];
  const uploads = new Uploads((roomId, file, { signal }) => {
    begun.push(file.name);
    return new Promise((done) => {
      ends.push(() => done({ why: "", passes: true }));
      signal.addEventListener("abort", () => ends.at(-1)());
    });
  });
  uploads.bring("a", 7, letter, () => {});
  uploads.bring("b", 7, letter, () => {});
  const third = uploads.bring("c", 7, letter, () => {});
  uploads.stop("c");
  uploads.stop("b");
  assert.equal((await third).passes, true);
  assert.equal(begun.length, 2);
});
