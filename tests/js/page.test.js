import assert from "node:assert/strict";
import { test } from "node:test";
import { Times } from "../../static/js/lib/times.js";

const NEW_YEAR = Date.parse("2026-12-31T20:00:00Z");

/** What page.js reads from a <body> with these data- attributes; each time anew. */
async function pageWith(dataset) {
  globalThis.document = { body: { dataset }, documentElement: { lang: "en" } };
  try {
    return (await import(`../../static/js/page.js?${JSON.stringify(dataset)}`)).page;
  } finally {
    delete globalThis.document;
  }
}

/** Does `act` on a device in another place. */
async function on(zone, act) {
  const before = process.env.TZ;
  process.env.TZ = zone;
  try {
    await act();
  } finally {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  }
}

test("where neither person nor house chose a time zone, times are the device's", async () => {
  await on("Asia/Tokyo", async () => {
    const { timezone } = await pageWith({ timezone: "" });
    const times = new Times("en-GB", timezone);
    assert.equal(times.clock(NEW_YEAR), "05:00");
    assert.equal(times.dayKey(NEW_YEAR), "2027-01-01");
    assert.equal(new Times("en-GB", "").clock(NEW_YEAR), "05:00");
  });
  await on("America/New_York", async () => {
    const { timezone } = await pageWith({});
    assert.equal(new Times("en-GB", timezone).clock(NEW_YEAR), "15:00");
  });
});

test("a chosen time zone goes before the device's", async () => {
  await on("Asia/Tokyo", async () => {
    const { timezone } = await pageWith({ timezone: "Europe/Berlin" });
    assert.equal(new Times("en-GB", timezone).clock(NEW_YEAR), "21:00");
  });
});
