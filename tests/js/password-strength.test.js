import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "../../static/js/lib/password-strength.js";

const COMMON = new Set(["password", "dragon", "four", "the", "horse", "battery", "correct", "staple", "grey", "hum", "noon"]);
const RULES = { atLeast: 8, atMost: 128, username: "grandma_jo", houseName: "The Lovelaces", common: COMMON };

/** @param {string} password @param {Partial<typeof RULES>} [other] */
const verdict = (password, other) => judge(password, { ...RULES, ...other });
const step = (password) => verdict(password).step;

test("it says how many characters are missing, as the server counts them", () => {
  assert.deepEqual(verdict("k7 wQ"), { step: 1, refusal: "short", count: 3, help: null });
  assert.equal(verdict("äöüßéèà".normalize("NFD")).count, 1);
  assert.equal(verdict("🦦🐟🏡🎂").count, 4);
  assert.equal(verdict("k7 wQ9zp", { atLeast: 10 }).count, 2);
});

test("it says how many characters are too many, and never cuts", () => {
  assert.equal(verdict("four wet otters ".repeat(8)).refusal, null);
  assert.deepEqual(verdict(`${"four wet otters ".repeat(8)}!?`), { step: 1, refusal: "long", count: 2, help: null });
});

test("a hundred thousand marks are judged at once", () => {
  assert.equal(verdict("\u0316\u0301".repeat(500_000)).refusal, "long");
});

test("it refuses what the server refuses, for the same reason", () => {
  assert.equal(verdict("abcabcabc").refusal, "pattern");
  assert.equal(verdict("87654321").refusal, "pattern");
  assert.equal(verdict("Grandma-Jo99!").refusal, "name");
  assert.equal(verdict("lovelaces1").refusal, "name");
  assert.equal(verdict("P4ssw0rd!").refusal, "common");
  assert.equal(verdict("dragondragon").refusal, "common");
});

test("names are those of the moment: what stands in the fields beside", () => {
  assert.equal(verdict("benjamin77").refusal, null);
  assert.equal(verdict("benjamin77", { username: "benjamin" }).refusal, "name");
  assert.equal(verdict("straßenfest", { houseName: "STRASSENFEST" }).refusal, "name");
  assert.equal(verdict("οδυσσεύς1", { username: "ΟΔΥΣΣΕΎΣ" }).refusal, "name");
});

test("before the list has come, nothing is called common", () => {
  assert.equal(verdict("P4ssw0rd!", { common: new Set() }).refusal, null);
});

test("the steps are those that people would expect", () => {
  for (const weak of ["otters99", "blumentopf2024!", "ich mag kuchen", "four wet otters"]) assert.equal(step(weak), 2, weak);
  for (const good of ["seven calm herons", "🦦🐟🏡🎂🥁🌻🚲⛵🌍🦔"]) assert.equal(step(good), 3, good);
  for (const strong of [
    "correct horse battery staple", "grey otters hum at noon", "Xk9-vBq2-Lm4t", "x7!kQ2pz@wL9", "我的家在河边的小树林",
    "Grüße vom nassen Fischotter",
  ]) assert.equal(step(strong), 4, strong);
});

test("saying the same again makes nothing better", () => {
  assert.equal(step("wet otters otters otters otters"), step("wet otters"));
});

test("another word, or another character, never makes it worse", () => {
  for (const begin of ["four wet otters", "blumentopf2024!", "x7!kQ2pz", "no digits here"]) {
    for (const end of [" and", "s", "7", "!", " four", "Z", " 2024"]) {
      assert.ok(step(begin + end) >= step(begin), begin + end);
    }
  }
});

test("it says what would help, until nothing needs to", () => {
  assert.equal(verdict("four wet otters").help, "words");
  assert.equal(verdict("seven calm herons").help, "words");
  assert.equal(verdict("x7!kQ2pz").help, "characters");
  assert.equal(verdict("grey otters hum at noon").help, null);
});
