import assert from "node:assert/strict";
import { test } from "node:test";
import { sizeText } from "../../static/js/lib/bytes.js";
import { Outbox } from "../../static/js/lib/outbox.js";
import { plainRequestFor } from "../../static/js/lib/plain-requests.js";
import { Shelf } from "../../static/js/lib/shelf.js";
import { Turns } from "../../static/js/lib/turns.js";
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
