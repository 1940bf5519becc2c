import assert from "node:assert/strict";
import { test } from "node:test";
import { answerOf, canUsePasskeys, optionsToMake, optionsToUse, reasonOf, toBytes, toText } from "../../static/js/lib/passkeys.js";

const at = (hostname, more = {}) => ({ isSecureContext: true, PublicKeyCredential: class {}, location: { hostname }, ...more });

test("passkeys are offered where the browser knows them, on a safe page of the house itself", () => {
  assert.equal(canUsePasskeys(at("chat.example"), "chat.example"), true);
  assert.equal(canUsePasskeys(at("www.chat.example"), "chat.example"), true);
  assert.equal(canUsePasskeys(at("localhost"), "localhost"), true);
  assert.equal(canUsePasskeys(at("chat.example", { PublicKeyCredential: undefined }), "chat.example"), false);
  assert.equal(canUsePasskeys(at("chat.example", { isSecureContext: false }), "chat.example"), false);
  assert.equal(canUsePasskeys(at("chat.example"), ""), false);
  for (const elsewhere of ["evilchat.example", "example", "chat.example.evil"]) {
    assert.equal(canUsePasskeys(at(elsewhere), "chat.example"), false, elsewhere);
  }
  for (const address of ["127.0.0.1", "[::1]"]) assert.equal(canUsePasskeys(at(address), address), false, address);
});

test("bytes travel as base64url, there and back", () => {
  for (const length of [0, 1, 2, 3, 32, 255]) {
    const bytes = Uint8Array.from({ length }, (_, index) => 255 - index);
    const text = toText(bytes);
    assert.match(text, /^[A-Za-z0-9_-]*$/);
    assert.deepEqual(toBytes(text), bytes);
    assert.equal(text, Buffer.from(bytes).toString("base64url"));
  }
});

test("what the house asks for reaches the browser with bytes where it wants them", () => {
  const made = optionsToMake({
    rp: { id: "localhost", name: "Ours" },
    user: { id: "AQI", name: "ben", displayName: "Ben" },
    challenge: "_-8",
    excludeCredentials: [{ type: "public-key", id: "AwQ", transports: ["usb"] }],
  });
  assert.deepEqual(made.challenge, Uint8Array.of(255, 239));
  assert.deepEqual(made.user, { id: Uint8Array.of(1, 2), name: "ben", displayName: "Ben" });
  assert.deepEqual(made.excludeCredentials, [{ type: "public-key", id: Uint8Array.of(3, 4), transports: ["usb"] }]);
  assert.equal(made.rp.name, "Ours");

  const used = optionsToUse({ rpId: "localhost", challenge: "AQ", allowCredentials: [{ type: "public-key", id: "Ag" }] });
  assert.deepEqual(used.challenge, Uint8Array.of(1));
  assert.deepEqual(used.allowCredentials, [{ type: "public-key", id: Uint8Array.of(2) }]);
});

test("a new passkey is told with how to reach it, also where the browser does not say", () => {
  const response = { clientDataJSON: Uint8Array.of(1), attestationObject: Uint8Array.of(2), getTransports: () => ["internal"] };
  const credential = { id: "Aw", rawId: Uint8Array.of(3).buffer, type: "public-key", response };
  assert.deepEqual(JSON.parse(answerOf(credential)), {
    id: "Aw",
    rawId: "Aw",
    type: "public-key",
    response: { clientDataJSON: "AQ", attestationObject: "Ag", transports: ["internal"] },
  });
  delete response.getTransports;
  assert.deepEqual(JSON.parse(answerOf(credential)).response.transports, []);
});

test("an answer is told with its signature, and with whose it is where the passkey says so", () => {
  const response = { clientDataJSON: Uint8Array.of(1), authenticatorData: Uint8Array.of(2), signature: Uint8Array.of(3) };
  const credential = { id: "BA", rawId: Uint8Array.of(4), type: "public-key", response };
  assert.deepEqual(JSON.parse(answerOf(credential)).response, { clientDataJSON: "AQ", authenticatorData: "Ag", signature: "Aw" });
  response.userHandle = Uint8Array.of(5);
  assert.equal(JSON.parse(answerOf(credential)).response.userHandle, "BQ");
});

test("why it came to nothing is said in words that fit what was tried", () => {
  const named = (name) => new DOMException("", name);
  assert.equal(reasonOf(named("NotAllowedError"), "get"), "passkey.cancelled");
  assert.equal(reasonOf(named("NotAllowedError"), "create"), "passkey.not_made");
  assert.equal(reasonOf(named("AbortError"), "get"), "passkey.cancelled");
  assert.equal(reasonOf(named("InvalidStateError"), "create"), "passkey.known");
  assert.equal(reasonOf(named("InvalidStateError"), "get"), "passkey.failed");
  assert.equal(reasonOf(new TypeError("no network"), "create"), "passkey.failed");
  assert.equal(reasonOf("nonsense", "get"), "passkey.failed");
});
