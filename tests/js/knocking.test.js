import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Knocking } from "../../static/js/lib/knocking.js";

const settle = async () => { for (let index = 0; index < 10; index += 1) await null; };

let answers;
let asked;
let opened;
function knocking() {
  return new Knocking({
    ask: async () => {
      asked += 1;
      const answer = answers.shift();
      if (answer === undefined) throw new Error("offline");
      return answer;
    },
    opened: () => { opened += 1; },
  });
}

async function halfAMinute() {
  mock.timers.tick(30_000);
  await settle();
}

beforeEach(() => {
  [answers, asked, opened] = [[], 0, 0];
  mock.timers.enable({ apis: ["setTimeout"] });
});
afterEach(() => mock.timers.reset());

test("asks every half minute and goes in once the house is open", async () => {
  answers = [423, 423, 200];
  knocking().begin();
  mock.timers.tick(29_999);
  await settle();
  assert.equal(asked, 0);
  mock.timers.tick(1);
  await settle();
  assert.deepEqual([asked, opened], [1, 0]);
  await halfAMinute();
  assert.deepEqual([asked, opened], [2, 0]);
  await halfAMinute();
  assert.deepEqual([asked, opened], [3, 1]);
  await halfAMinute();
  assert.deepEqual([asked, opened], [3, 1]);
});

test("waits on while nobody answers or the server is in trouble", async () => {
  answers = [undefined, 503, 500, 423];
  knocking().begin();
  for (let index = 0; index < 4; index += 1) await halfAMinute();
  assert.deepEqual([asked, opened], [4, 0]);
});

test("whoever was signed out meanwhile waits no longer: the next page tells", async () => {
  answers = [401];
  knocking().begin();
  await halfAMinute();
  assert.equal(opened, 1);
});

test("asks at once when somebody looks, and then again only half a minute later", async () => {
  answers = [423, 423];
  const it = knocking();
  it.begin();
  mock.timers.tick(10_000);
  await it.now();
  assert.equal(asked, 1);
  mock.timers.tick(29_999);
  await settle();
  assert.equal(asked, 1);
  mock.timers.tick(1);
  await settle();
  assert.equal(asked, 2);
});

test("a page that is left asks no more", async () => {
  answers = [423];
  const it = knocking();
  it.begin();
  it.end();
  it.begin();
  await halfAMinute();
  assert.deepEqual([asked, opened], [0, 0]);
});
