import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "../../static/js/lib/backoff.js";
import { newClientId } from "../../static/js/lib/client-id.js";
import { copyFrom } from "../../static/js/lib/clipboard.js";
import { Drafts } from "../../static/js/lib/drafts.js";
import { Emitter } from "../../static/js/lib/emitter.js";
import { shortName } from "../../static/js/lib/file-names.js";
import { keyboardHeight } from "../../static/js/lib/keyboard.js";
import { plainRequestFor } from "../../static/js/lib/plain-requests.js";
import { Progress } from "../../static/js/lib/progress.js";
import { countAfter, readByAllUpTo, readsFrom } from "../../static/js/lib/reads.js";
import { Shelf } from "../../static/js/lib/shelf.js";
import { characterCount, plainText, previewOf, wellFormed } from "../../static/js/lib/text.js";
import { badgeText, countUnread, withUnread } from "../../static/js/lib/unread.js";
import { speaker } from "../../static/js/lib/words.js";
import { memoryStorage } from "./stand-ins.js";

test("the wait doubles from half a second to half a minute, at random up to that", () => {
  const most = [0, 1, 2, 3, 4, 5, 6, 7, 50].map((failures) => backoffMs(failures, () => 1));
  assert.deepEqual(most, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  assert.equal(backoffMs(6, () => 0.5), 15000);
  assert.equal(backoffMs(6, () => 0), 0);
});

test("client ids fit the server's rule and never repeat, with and without randomUUID", () => {
  const plain = { getRandomValues: (bytes) => globalThis.crypto.getRandomValues(bytes) };
  for (const source of [globalThis.crypto, plain]) {
    const ids = Array.from({ length: 1000 }, () => newClientId(source));
    assert.equal(new Set(ids).size, 1000);
    assert.ok(ids.every((id) => /^[A-Za-z0-9_-]{8,64}$/.test(id)));
  }
});

test("of a long name the middle goes, as the server has it", () => {
  assert.equal(shortName("a".repeat(40)), "a".repeat(40));
  assert.equal(shortName("Minutes_of_the_meeting_Minutes_of_the_meeting_FINAL(2).pdf"), "Minutes_of_the_meeting_M…ng_FINAL(2).pdf");
});

test("a listener hears until it leaves", () => {
  const emitter = new Emitter();
  const heard = [];
  const leaving = new AbortController();
  const off = emitter.on("a", (data) => heard.push(["one", data]));
  emitter.on("a", (data) => heard.push(["two", data]), { signal: leaving.signal });
  emitter.emit("a", 1);
  off();
  emitter.emit("a", 2);
  leaving.abort();
  emitter.emit("a", 3);
  assert.deepEqual(heard, [["one", 1], ["two", 1], ["two", 2]]);
});

test("a listener may leave while it is being told", () => {
  const emitter = new Emitter();
  let heard = 0;
  const off = emitter.on("a", () => { heard += 1; off(); });
  emitter.on("a", () => { heard += 10; });
  emitter.emit("a");
  emitter.emit("a");
  assert.equal(heard, 21);
});

test("characters are counted as code points", () => {
  assert.equal(characterCount("añ👍🏽"), 4);
  assert.equal(characterCount(""), 0);
});

test("half an emoji is made sendable, a whole one is left alone", () => {
  assert.equal(wellFormed("a\uD83Db👍\uDC4D"), "a\uFFFDb👍\uFFFD");
  assert.equal(wellFormed.call(null, Object("plain").toString()), "plain");
});

test("a preview is one line of at most 80 characters, like the server's", () => {
  assert.equal(previewOf("  one\n\n two\tthree "), "one two three");
  assert.equal(previewOf("x".repeat(80)), "x".repeat(80));
  assert.equal(previewOf("x".repeat(81)), `${"x".repeat(79)}…`);
  assert.equal(previewOf("word ".repeat(100)), `${"word ".repeat(15)}word…`);
  assert.equal(previewOf("a".repeat(100_000)).length, 80);
  assert.equal(previewOf("👍".repeat(10), 10), "👍".repeat(10));
  assert.equal(previewOf("👍".repeat(11), 10), `${"👍".repeat(9)}…`);
});

test("a preview never cuts through what people take for one character", () => {
  for (const whole of ["👍🏽", "👨‍👩‍👧", "🇩🇪", "e\u0301\u0302", "❤️"]) {
    for (const before of [5, 6, 7, 8, 9]) {
      const line = previewOf("x".repeat(before) + whole.repeat(10), 10);
      assert.match(line, new RegExp(`^x{${before}}(${whole})*…$`, "u"));
      assert.ok(characterCount(line) <= 10);
    }
  }
  assert.equal(previewOf(`e${"\u0301".repeat(20)}`, 10), `e${"\u0301".repeat(8)}…`);
});

test("a rendered message says its words without the markup", () => {
  const text = (nodeValue) => ({ nodeName: "#text", nodeValue, childNodes: [] });
  const node = (nodeName, ...childNodes) => ({ nodeName, nodeValue: null, childNodes });
  const said = (...children) => previewOf(plainText(node("DIV", ...children)));
  const li = (words) => node("LI", text(words));
  assert.equal(said(node("P", text("one"), node("BR"), node("STRONG", text("t")), text("wo"))), "one two");
  assert.equal(said(node("P", text("one")), node("P", text("two"))), "one two");
  assert.equal(said(node("UL", li("milk"), text("\n"), li("eggs"))), "milk eggs");
  assert.equal(said(node("OL", text("\n"), li("wash"), li("dry"))), "1. wash 2. dry");
  assert.equal(said(node("BLOCKQUOTE", node("P", text("so?"))), node("P", text("yes"))), "so? yes");
  assert.equal(said(node("PRE", node("CODE", text("if a:\n  b")))), "if a: b");
});

test("a link is copied with and without the clipboard, which browsers hide on plain http", async () => {
  const copied = async (clipboard, works) => {
    const done = [];
    const field = { value: "http://h/join/x", focus: () => done.push("focus"), select: () => done.push("select") };
    const execCommand = (name) => { done.push(name); return works; };
    return [await copyFrom(field, { clipboard, execCommand }), done];
  };
  const refusing = { writeText: async () => { throw new Error("NotAllowedError"); } };
  const taken = [];
  const willing = { writeText: async (text) => { taken.push(text); } };
  assert.deepEqual(await copied(willing, false), [true, []]);
  assert.deepEqual(taken, ["http://h/join/x"]);
  assert.deepEqual(await copied(undefined, true), [true, ["focus", "select", "copy"]]);
  assert.deepEqual(await copied(refusing, true), [true, ["focus", "select", "copy"]]);
  assert.deepEqual(await copied(undefined, false), [false, ["focus", "select", "copy"]]);
});

test("the keyboard is what lies over the page, however much that is zoomed", () => {
  assert.equal(keyboardHeight(844, { height: 508, scale: 1 }), 336);
  assert.equal(keyboardHeight(844, { height: 254, scale: 2 }), 336);
  assert.equal(keyboardHeight(844, { height: 422, scale: 2 }), 0);
  assert.equal(keyboardHeight(508, { height: 508, scale: 1 }), 0, "the page made room already");
  assert.equal(keyboardHeight(800, { height: 785, scale: 1 }), 0, "a scroll bar");
  assert.equal(keyboardHeight(422, { height: 508, scale: 1 }), 0);
});

test("the title counts what is unread, up to 99+", () => {
  assert.equal(withUnread("Home · HomeChat", 0), "Home · HomeChat");
  assert.equal(withUnread("(3) Home · HomeChat", 7), "(7) Home · HomeChat");
  assert.equal(withUnread("(99+) Home", 0), "Home");
  assert.equal(withUnread("(draft) Home", 1), "(1) (draft) Home");
  assert.deepEqual([0, 1, 99, 100].map(badgeText), ["", "1", "99", "99+"]);
  assert.equal(countUnread([{ unread: 2 }, { unread: 5, muted: true }, { unread: 1, muted: false }]), 3);
});

test("read by all means read by the slowest", () => {
  assert.equal(readByAllUpTo(readsFrom({ 2: 10, 3: 7 }).values()), 7);
  assert.equal(readByAllUpTo(readsFrom({ 2: 10, 3: null }).values()), 0);
  assert.equal(readByAllUpTo([]), 0);
  assert.deepEqual([...readsFrom(null)], []);
});

test("the jump button counts what others wrote since", () => {
  const messages = [[1, 9], [2, 9], [4, 1], [5, 9]].map(([seq, author_id]) => ({ seq, author_id }));
  assert.equal(countAfter(messages, 1, 1), 2);
  assert.equal(countAfter(messages, 5, 1), 0);
  assert.equal(countAfter([], 0, 1), 0);
});

test("progress waits at a gap and goes on when it closes", () => {
  const progress = new Progress(10);
  progress.heard(11);
  assert.deepEqual([progress.upTo, progress.hasGap], [11, false]);
  progress.heard(13);
  progress.heard(14);
  progress.heard(13);
  assert.deepEqual([progress.upTo, progress.hasGap], [11, true]);
  progress.heard(12);
  assert.deepEqual([progress.upTo, progress.hasGap], [14, false]);
  progress.heard(5);
  assert.deepEqual([progress.upTo, progress.hasGap], [14, false]);
});

test("catching up closes gaps below it and keeps those above", () => {
  const progress = new Progress(0);
  for (const number of [3, 6, 9]) progress.heard(number);
  progress.caughtUp(5);
  assert.deepEqual([progress.upTo, progress.hasGap], [6, true]);
  progress.caughtUp(2);
  assert.equal(progress.upTo, 6);
  progress.caughtUp(20);
  assert.deepEqual([progress.upTo, progress.hasGap], [20, false]);
});

test("words are filled in, counted and never missing", () => {
  const say = speaker({
    hello: "Hello, {name}! {name}? {other}",
    new: { one: "{count} new message", other: "{count} new messages" },
  }, "en");
  assert.equal(say("hello", { name: "Ada {count} $& <b>" }), "Hello, Ada {count} $& <b>! Ada {count} $& <b>? {other}");
  assert.equal(say("new", { count: 1 }), "1 new message");
  assert.equal(say("new", { count: 1234 }), "1,234 new messages");
  assert.equal(say("nothing.here"), "nothing.here");
});

test("plural forms follow the language, and a form it lacks is the general one", () => {
  const forms = { one: "{count} wiadomość", few: "{count} wiadomości", many: "{count} wiadomości!", other: "o" };
  const say = speaker({ new: forms, poor: { other: "x{count}" } }, "pl");
  assert.deepEqual([1, 3, 5].map((count) => say("new", { count })), ["1 wiadomość", "3 wiadomości", "5 wiadomości!"]);
  assert.equal(say("poor", { count: 5 }), "x5");
  assert.equal(speaker({ new: forms }, "not a language!")("new", { count: 1 }), "1 wiadomość");
});

test("every question has its plain request", () => {
  const shown = (event, data) => {
    const { method, path, form } = plainRequestFor(event, data);
    return [method, path, form?.toString()];
  };
  assert.deepEqual(shown("message:send", { room_id: 7, body: "a&b=ü", client_id: "x1" }), ["POST", "/rooms/7/messages", "body=a%26b%3D%C3%BC&client_id=x1"]);
  assert.deepEqual(shown("message:history", { room_id: 7, before: 90, limit: 50 }), ["GET", "/rooms/7/messages?before=90&limit=50", undefined]);
  assert.deepEqual(shown("message:history", { room_id: 7, limit: 50 }), ["GET", "/rooms/7/messages?limit=50", undefined]);
  assert.deepEqual(shown("message:changes", { room_id: 7, after: 0 }), ["GET", "/rooms/7/changes?after=0", undefined]);
  assert.deepEqual(shown("room:read", { room_id: 7, seq: 12 }), ["POST", "/rooms/7/read", "seq=12"]);
  assert.deepEqual(shown("message:send", { room_id: 7, body: "a", client_id: "x1", reply_to_id: 3 }), ["POST", "/rooms/7/messages", "body=a&client_id=x1&reply_to_id=3"]);
  assert.deepEqual(shown("message:edit", { message_id: 3, body: "b" }), ["POST", "/messages/3/edit", "body=b"]);
  assert.deepEqual(shown("message:delete", { message_id: 3 }), ["POST", "/messages/3/delete", ""]);
  assert.deepEqual(shown("message:react", { message_id: 3, emoji: "👍" }), ["POST", "/messages/3/reactions", "emoji=%F0%9F%91%8D"]);
  assert.deepEqual(shown("message:answer", { message_id: 3, action_id: "let_in" }), ["POST", "/messages/3/answer", "action_id=let_in"]);
  assert.deepEqual(shown("message:unreact", { message_id: 3, emoji: "👍" }), ["POST", "/messages/3/reactions/remove", "emoji=%F0%9F%91%8D"]);
  assert.deepEqual(shown("room:list", {}), ["GET", "/sidebar", undefined]);
  assert.equal(plainRequestFor("typing:start", { room_id: 7 }), null);
  assert.equal(plainRequestFor("toString", {}), null);
});

test("the shelf keeps values in the browser's storage", () => {
  const storage = memoryStorage();
  const shelf = new Shelf(storage);
  shelf.set("a:1", { text: "ü" });
  assert.equal(storage.getItem("a:1"), '{"text":"ü"}');
  assert.deepEqual(new Shelf(storage).get("a:1"), { text: "ü" });
  shelf.set("b:1", 2);
  assert.deepEqual(shelf.keys("a:"), ["a:1"]);
  shelf.remove("a:1");
  assert.equal(shelf.get("a:1"), undefined);
});

test("the shelf does without storage, with a full one, and with rubbish in it", () => {
  const without = new Shelf(null);
  without.set("a", 1);
  assert.deepEqual([without.get("a"), without.keys("")], [1, ["a"]]);
  without.remove("a");
  assert.equal(without.get("a"), undefined);

  const storage = memoryStorage();
  const full = new Shelf({ ...storage, setItem: () => { throw new Error("QuotaExceededError"); } });
  full.set("a", 1);
  assert.equal(full.get("a"), 1);

  storage.setItem("a", "{half");
  assert.equal(new Shelf(storage).get("a"), undefined);
});

test("a draft belongs to one person and one room and leaves when it is empty", () => {
  const storage = memoryStorage();
  const drafts = new Drafts(new Shelf(storage), 1);
  drafts.write(7, "half a thou");
  assert.equal(drafts.read(7), "half a thou");
  assert.equal(drafts.read(8), "");
  assert.equal(new Drafts(new Shelf(storage), 2).read(7), "");
  drafts.write(7, "");
  assert.equal(storage.length, 0);
});
