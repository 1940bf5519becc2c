import assert from "node:assert/strict";
import { test } from "node:test";
import { MalformedPacket, decode, encodeAck, encodeEvent, encodePong } from "../../static/js/lib/packets.js";

test("an event is written with and without asking for an acknowledgement", () => {
  assert.equal(encodeEvent("message:send", { room_id: 7 }, 0), '420["message:send",{"room_id":7}]');
  assert.equal(encodeEvent("typing:stop", { room_id: 7 }), '42["typing:stop",{"room_id":7}]');
  assert.equal(encodeEvent("room:list", undefined, 123), '42123["room:list"]');
  assert.equal(encodeAck(12), "4312[]");
  assert.equal(encodePong("probe"), "3probe");
});

test("the handshake gives the times of the server", () => {
  const packet = decode('0{"sid":"a","upgrades":[],"pingInterval":20000,"pingTimeout":20000,"maxPayload":160000}');
  assert.deepEqual(packet, { type: "open", sid: "a", pingInterval: 20000, pingTimeout: 20000, maxPayload: 160000 });
});

test("a handshake without a size is without a limit", () => {
  assert.equal(decode('0{"sid":"a","pingInterval":1,"pingTimeout":1}').maxPayload, Infinity);
});

test("every packet of the server is understood", () => {
  assert.deepEqual(decode("1"), { type: "close" });
  assert.deepEqual(decode("2"), { type: "ping", data: "" });
  assert.deepEqual(decode("2probe"), { type: "ping", data: "probe" });
  assert.deepEqual(decode("6"), { type: "idle" });
  assert.deepEqual(decode('40{"sid":"b"}'), { type: "connected", sid: "b" });
  assert.deepEqual(decode('40/,{"sid":"b"}'), { type: "connected", sid: "b" });
  assert.deepEqual(decode("40"), { type: "connected", sid: "" });
  assert.deepEqual(decode("41"), { type: "disconnected" });
  assert.deepEqual(decode('44{"message":"no","data":{"code":"x"}}'), { type: "refused", reason: "no" });
  assert.deepEqual(decode('44"no"'), { type: "refused", reason: "no" });
  assert.deepEqual(decode("44{}"), { type: "refused", reason: "" });
  assert.deepEqual(decode('42["a",{"b":1}]'), { type: "event", name: "a", data: { b: 1 }, id: null });
  assert.deepEqual(decode('4217["a"]'), { type: "event", name: "a", data: undefined, id: 17 });
  assert.deepEqual(decode('431234567890[{"ok":true}]'), { type: "ack", id: 1234567890, data: { ok: true } });
  assert.deepEqual(decode("430[]"), { type: "ack", id: 0, data: undefined });
});

test("an event may hold any text", () => {
  const body = 'a "quote"\n\u2028 ["42"] 👩‍👩‍👧 \u0000';
  assert.equal(decode(encodeEvent("m", { body }, 9)).data.body, body);
});

const MALFORMED = [
  "", "x", "7", "4", "49", "42", "42{", "42{}", "42[]", "42[1]", '42["a"', "43[]", '43["x"]', "431", "431{}", "44", "45",
  '451-["a",{"_placeholder":true}]', '461-[]', "459999999999-", '42/other,["a"]', "40[1]", "4" + "9".repeat(50),
  "42" + "9".repeat(50) + '["a"]', "0", "0{}", "0[]", "0null", '0{"sid":"a","pingInterval":-1,"pingTimeout":1}',
  '0{"sid":"a","pingInterval":"soon","pingTimeout":1}', '0{"sid":1,"pingInterval":1,"pingTimeout":1}',
  null, undefined, 42, new ArrayBuffer(4), {},
];

for (const frame of MALFORMED) {
  test(`refuses ${String(frame).slice(0, 30)}`, () => {
    assert.throws(() => decode(frame), MalformedPacket);
  });
}
