import assert from "node:assert/strict";
import { test } from "node:test";
import { keepWorker } from "../../static/js/parts/service-worker.js";

/** A window that writes down what is registered in it. */
function fakeWindow({ readyState = "complete", isSecureContext = true, refuses = false, knowsWorkers = true } = {}) {
  const registered = [];
  const waiting = [];
  const serviceWorker = {
    register: async (path, { scope }) => {
      registered.push([path, scope]);
      if (refuses) throw new Error("not here");
    },
  };
  return {
    registered,
    load: () => waiting.splice(0).forEach((fn) => fn()),
    addEventListener: (name, fn) => { assert.equal(name, "load"); waiting.push(fn); },
    document: { readyState },
    isSecureContext,
    navigator: knowsWorkers ? { serviceWorker } : {},
  };
}

test("the worker governs everything below the root of the house, and nothing beside it", () => {
  for (const [root, expected] of [["", ["/sw.js", "/"]], ["/chat", ["/chat/sw.js", "/chat/"]]]) {
    const window = fakeWindow();
    keepWorker(window, root);
    assert.deepEqual(window.registered, [expected]);
  }
});

test("it waits until the page has loaded", () => {
  const window = fakeWindow({ readyState: "interactive" });
  keepWorker(window, "");
  assert.deepEqual(window.registered, []);
  window.load();
  assert.equal(window.registered.length, 1);
});

test("where browsers allow no worker nothing is tried, and a refusal troubles nobody", async () => {
  for (const odd of [{ isSecureContext: false }, { knowsWorkers: false }]) {
    const window = fakeWindow(odd);
    keepWorker(window, "");
    window.load();
    assert.deepEqual(window.registered, []);
  }
  const refusing = fakeWindow({ refuses: true });
  keepWorker(refusing, "");
  assert.equal(refusing.registered.length, 1);
  await new Promise((resolve) => { setImmediate(resolve); }); // An unhandled rejection would fail the test.
});
