import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { NotSent, Socket, followPage } from "../../static/js/socket.js";

const OPEN = '0{"sid":"e","upgrades":[],"pingInterval":20000,"pingTimeout":20000,"maxPayload":160000}';
const CONNECTED = '40{"sid":"s"}';

/** The far end of the network: every WebSocket that was ever made, to be answered by hand. */
let wires;
class Wire {
  readyState = 0;
  sent = [];

  constructor(url) {
    this.url = url;
    assert.equal(wires.filter((wire) => wire.readyState < 2).length, 0, "two sockets at a time");
    wires.push(this);
  }

  send(text) {
    this.sent.push(text);
  }

  close() {
    this.readyState = 3;
  }

  accept() {
    this.readyState = 1;
    this.hear(OPEN);
    this.hear(CONNECTED);
  }

  hear(data) {
    this.onmessage?.({ data });
  }

  die() {
    this.readyState = 3;
    this.onerror?.({});
    this.onclose?.({});
  }
}

let states;
function newSocket(more = {}) {
  const socket = new Socket({ url: "ws://house/socket.io/", WebSocket: Wire, random: () => 1, ...more });
  socket.onState((state, reason) => states.push(reason ? `${state}: ${reason}` : state));
  return socket;
}

function online(more) {
  const socket = newSocket(more);
  socket.open();
  wires[0].accept();
  return socket;
}

const tick = (ms) => mock.timers.tick(ms);
const last = () => wires.at(-1);
const settle = async () => { for (let index = 0; index < 10; index += 1) await null; };

beforeEach(() => {
  wires = [];
  states = [];
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
});
afterEach(() => mock.timers.reset());

test("connects over WebSocket only, and is online when the namespace is", () => {
  const socket = newSocket();
  socket.open();
  assert.equal(last().url, "ws://house/socket.io/?EIO=4&transport=websocket");
  last().readyState = 1;
  last().hear(OPEN);
  assert.deepEqual([last().sent, socket.state], [["40"], "connecting"]);
  last().hear(CONNECTED);
  assert.equal(socket.state, "online");
  assert.deepEqual(states, ["online"]);
});

test("events reach those who listen, in order, even those said before the yes", () => {
  const socket = newSocket();
  const heard = [];
  socket.on("server:hello", (data) => heard.push(data.build));
  socket.on("message:posted", (data) => heard.push(data.seq));
  socket.open();
  last().readyState = 1;
  last().hear(OPEN);
  last().hear('42["server:hello",{"build":"b1"}]');
  assert.deepEqual(heard, []);
  last().hear(CONNECTED);
  last().hear('42["message:posted",{"seq":5}]');
  last().hear('42["something:new",{}]');
  assert.deepEqual(heard, ["b1", 5]);
});

test("pings are answered with what they carry, and events that ask are acknowledged", () => {
  online();
  last().hear("2");
  last().hear("2probe");
  last().hear('4212["message:posted",{}]');
  assert.deepEqual(last().sent, ["40", "3", "3probe", "4312[]"]);
});

test("an answer finds its question, whatever the order and however many", async () => {
  const socket = online();
  const answers = Array.from({ length: 12 }, (_, index) => socket.send("echo", { index }));
  assert.equal(last().sent[12], '4212["echo",{"index":11}]');
  last().hear('4312[{"ok":true,"n":12}]');
  last().hear('431[{"ok":true,"n":1}]');
  last().hear('431[{"ok":true,"n":"again"}]');
  last().hear('4399[{"ok":true}]');
  assert.deepEqual(await answers[11], { ok: true, n: 12 });
  assert.deepEqual(await answers[0], { ok: true, n: 1 });
  tick(10_000);
  const unanswered = (await Promise.allSettled(answers)).filter(({ reason }) => reason instanceof NotSent);
  assert.equal(unanswered.length, 10);
});

test("without a connection nothing is sent", async () => {
  await assert.rejects(newSocket().send("a", {}), NotSent);
});

test("no answer within ten seconds is a rejection, and the line stays if it is alive", async () => {
  const socket = online();
  const answer = socket.send("a", {});
  tick(5_000);
  last().hear("2");
  tick(5_000);
  await assert.rejects(answer, NotSent);
  assert.equal(socket.state, "online");
  last().hear('431[{"ok":true}]');
});

test("no answer and not a word since: the line is dead and a new one is made", async () => {
  const socket = online();
  tick(100);
  const answer = socket.send("a", {});
  tick(10_000);
  await assert.rejects(answer, NotSent);
  assert.equal(socket.state, "connecting");
  tick(500);
  assert.equal(wires.length, 2);
});

test("a message larger than the server takes is refused here, since sending it would end the connection", async () => {
  const socket = online();
  assert.deepEqual(await socket.send("a", { body: "ü".repeat(80_000) }), { ok: false, code: "too_large", error: "" });
  assert.equal(last().sent.length, 1);
});

test("a lost line is rejected to whoever waits, and comes back by itself", async () => {
  const socket = online();
  const answer = socket.send("a", {});
  last().die();
  await assert.rejects(answer, NotSent);
  assert.equal(socket.state, "connecting");
  tick(499);
  assert.equal(wires.length, 1);
  tick(1);
  assert.equal(wires.length, 2);
  last().accept();
  assert.deepEqual(states, ["online", "connecting: error", "online"]);
});

test("waits grow to half a minute while the server is away, and the first success ends that", () => {
  const socket = online();
  tick(6_000);
  last().die();
  const waits = [];
  for (const wait of [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]) {
    tick(wait - 1);
    const before = wires.length;
    tick(1);
    assert.equal(wires.length, before + 1, `after ${wait} ms`);
    waits.push(wait);
    last().die();
    assert.equal(socket.state, "offline");
  }
  tick(30_000);
  last().accept();
  tick(5_000);
  last().die();
  tick(500);
  assert.equal(last().readyState, 0, "back to the shortest wait");
});

test("a server that accepts and breaks at once is not asked ever faster", () => {
  online();
  for (const wait of [500, 1000, 2000]) {
    last().hear("nonsense");
    tick(wait - 1);
    const before = wires.length;
    tick(1);
    assert.equal(wires.length, before + 1);
    last().accept();
  }
});

test("silence longer than the server's ping times means the line is dead", () => {
  const socket = online();
  tick(40_000);
  last().hear("2");
  tick(40_999);
  assert.equal(socket.state, "online");
  tick(1);
  assert.equal(socket.state, "connecting");
});

test("a computer that slept finds the dead line at once when looked at", () => {
  const socket = online();
  const real = Date.now();
  mock.timers.setTime(real);
  // Timers did not run while it slept, the clock did.
  const clock = mock.method(Date, "now", () => real + 3_600_000);
  socket.open();
  clock.mock.restore();
  assert.equal(wires.length, 2);
});

test("a handshake that stalls is given up after ten seconds, before and after the first word", () => {
  const socket = newSocket();
  socket.open();
  tick(10_000);
  assert.equal(socket.state, "offline");
  tick(500);
  last().readyState = 1;
  last().hear(OPEN);
  tick(10_000);
  assert.equal(wires.at(-1).readyState, 3);
  tick(1_000);
  assert.equal(wires.length, 3);
});

test("a refusal is told with its reason and asked again after a while", () => {
  const socket = newSocket();
  socket.open();
  last().readyState = 1;
  last().hear(OPEN);
  last().hear('44{"message":"Too many open windows."}');
  assert.deepEqual(states, ["refused: Too many open windows."]);
  tick(1_999);
  assert.equal(wires.length, 1);
  tick(30_000);
  assert.equal(wires.length, 2);
  last().accept();
  assert.equal(socket.state, "online");
});

for (const frame of ["nonsense", '42{"not":"a list"}', "451-[]", new ArrayBuffer(2), "", "430", '44{"half']) {
  test(`a packet against the protocol ends the connection and makes a new one: ${String(frame)}`, () => {
    const socket = online();
    last().hear(frame);
    assert.deepEqual([socket.state, last().readyState], ["connecting", 3]);
    tick(500);
    last().accept();
    assert.equal(socket.state, "online");
  });
}

test("the server's goodbye, of either kind, is followed by a new connection", () => {
  for (const goodbye of ["41", "1"]) {
    wires = [];
    online();
    last().hear(goodbye);
    tick(1_000);
    assert.equal(wires.length, 2);
    last().accept();
  }
});

test("a closed socket stays closed, and what its wire still says is not heard", () => {
  const socket = online();
  const heard = [];
  socket.on("a", () => heard.push("a"));
  const [wire] = wires;
  socket.close();
  wire.hear('42["a"]');
  wire.die();
  tick(60_000);
  assert.deepEqual([wires.length, heard, socket.state], [1, [], "offline"]);
  socket.open();
  last().accept();
  assert.equal(socket.state, "online");
});

test("opening twice makes one socket", () => {
  const socket = newSocket();
  socket.open();
  socket.open();
  last().accept();
  socket.open();
  assert.equal(wires.length, 1);
});

test("WebSocket is impossible when handshakes fail though the house answers plainly", async () => {
  const socket = newSocket({ plainWorks: async () => true });
  socket.open();
  for (const wait of [500, 1000]) {
    last().die();
    await settle();
    tick(wait);
  }
  assert.equal(socket.state, "offline");
  last().die();
  await settle();
  assert.equal(socket.state, "unavailable");
  tick(60_000);
  assert.equal(wires.length, 4, "it is still tried now and then");
  last().accept();
  assert.equal(socket.state, "online");
});

test("after the first handshake that fails the house is asked plainly: it may have signed us out", async () => {
  let asked = 0;
  const socket = newSocket({ plainWorks: async () => { asked += 1; return true; } });
  socket.open();
  last().die();
  await settle();
  assert.equal(asked, 1);
  tick(500);
  last().accept();
  last().die();
  await settle();
  assert.equal(asked, 1, "a connection that stood and broke is no reason to ask");
});

test("a house that is down is offline, not impossible", async () => {
  let works = false;
  const socket = newSocket({ plainWorks: async () => { if (!works) throw new TypeError("network"); return true; } });
  socket.open();
  for (let index = 0; index < 8; index += 1) {
    last().die();
    await settle();
    tick(30_000);
  }
  assert.equal(socket.state, "offline");
  works = true;
  last().accept();
  assert.equal(socket.state, "online");
});

test("a browser without WebSocket is told apart from a house that is away", async () => {
  const socket = newSocket({ plainWorks: async () => true, WebSocket: class { constructor() { throw new Error("SecurityError"); } } });
  socket.open();
  for (let index = 0; index < 3; index += 1) {
    await settle();
    tick(30_000);
  }
  assert.equal(socket.state, "unavailable");
});

test("the socket follows its page", () => {
  const page = new EventTarget();
  page.document = new EventTarget();
  page.document.visibilityState = "visible";
  const socket = newSocket();
  followPage(socket, page);
  socket.open();
  last().accept();

  page.dispatchEvent(new Event("pagehide"));
  assert.deepEqual([socket.state, last().readyState], ["offline", 3]);
  page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  assert.equal(wires.length, 2);
  last().accept();

  page.dispatchEvent(new Event("offline"));
  assert.equal(socket.state, "connecting");
  tick(500);
  last().die();
  page.dispatchEvent(new Event("online"));
  assert.equal(wires.length, 4);
  last().die();
  page.document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(wires.length, 5);
  page.document.visibilityState = "hidden";
  last().die();
  page.document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(wires.length, 5, "a hidden page is in no hurry");
});
