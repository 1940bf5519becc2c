import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { NotSent } from "../../static/js/socket.js";
import { Transport } from "../../static/js/transport.js";

/** The socket below: says what a test has it say. */
function newSocket() {
  const listeners = {};
  return {
    state: "online",
    closed: 0,
    onState(fn) { this.change = fn; },
    on(name, fn) {
      listeners[name] = fn;
      return () => {};
    },
    hear(name, data) { listeners[name](data); },
    send: async () => ({ ok: true }),
    close() {
      this.closed += 1;
      this.state = "offline";
    },
  };
}

let socket;
let states;
let requests;
let answer;
function newTransport() {
  socket = newSocket();
  const transport = new Transport({ socket, root: "/chat", csrf: "token", isWatched: () => true });
  transport.onLocal("state", ({ state, reason }) => states.push(`${state}: ${reason}`), {});
  return transport;
}

beforeEach(() => {
  [states, requests] = [[], []];
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(globalThis, "fetch", async (path) => {
    requests.push(path);
    return { redirected: false, ...answer };
  });
});
afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

test("a device that has to wait is told so, sends nothing more and lets go of the line", async () => {
  const transport = newTransport();
  socket.hear("session:ended", { reason: "locked_down", sentence: "The house is closed for a while." });
  assert.deepEqual(states, ["ended: locked_down"]);
  assert.equal(socket.closed, 1);
  await assert.rejects(transport.send("message:send", {}), NotSent);
});

test("a house that is closed when somebody comes back is noticed by the first plain answer", async () => {
  const transport = newTransport();
  answer = { status: 423, json: async () => ({ ok: false, code: "locked_down" }) };
  socket.state = "refused";
  assert.equal(await transport.reachesHouse(), false);
  assert.deepEqual(requests, ["/chat/sidebar"]);
  assert.deepEqual(states, ["ended: locked_down"]);
});

test("a device that was signed out ends without that reason", async () => {
  const transport = newTransport();
  answer = { status: 401 };
  socket.state = "refused";
  await transport.reachesHouse();
  assert.deepEqual(states, ["ended: "]);
});

test("a message is changed by plain request while there is no socket yet, and a new one waits for it", async () => {
  const transport = newTransport();
  answer = { status: 200, json: async () => ({ ok: true }) };
  socket.state = "connecting";
  assert.deepEqual(await transport.send("message:react", { message_id: 7, emoji: "👍" }), { ok: true });
  assert.deepEqual(requests, ["/chat/messages/7/reactions"]);
  await assert.rejects(transport.send("message:send", {}), NotSent);
});
