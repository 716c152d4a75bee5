// The market board that `npm start` shows, in a real browser.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { SYMBOLS } from "@shardcast/demo/market";
import { demoMarket } from "@shardcast/server/source/demoMarket";
import type { Page } from "playwright-core";
import { browserForTests, hasChromium, isTooWide } from "./browser.fixture.ts";
import { startInstance, type TestInstance } from "./instance.fixture.ts";

const openPage = browserForTests();
let instance: TestInstance;

beforeAll(async () => {
  if (hasChromium) instance = await startInstance(["--demo", "--demo-rate", "500", "--shards", "2"]);
});

afterAll(async () => {
  await instance?.end();
});

async function open(options = {}) {
  return await openPage(`${instance.admin}/demo`, options);
}

const number = async (page: Page, id: string) =>
  Number((await page.locator(`#${id}`).textContent())?.replaceAll(",", ""));

const tradesBeyond = (page: Page, count: number) =>
  page.waitForFunction(
    (least) => Number(document.querySelector("#trades")?.textContent?.replaceAll(",", "")) > least,
    count,
  );

/** Waits until the page has told of so many recoveries; says what it has told where that does not come. */
async function backTimes(page: Page, times: number): Promise<void> {
  const told = page.getByText("Back after").nth(times - 1);
  await told.waitFor().catch(async (cause: unknown) => {
    throw new Error(`not back: ${await page.locator("#events").textContent()}`, { cause });
  });
}

test("the board knows every symbol of the demo feed", () => {
  const market = demoMarket(1);
  const symbols = new Set<string>();
  for (let message = 0; message < 20_000; message++) symbols.add(market.next().value.data.symbol);
  expect([...symbols].sort()).toEqual([...SYMBOLS].sort());
});

test.skipIf(!hasChromium)("hundreds of cells fill, and go on changing", async () => {
  const { page, faults, close } = await open();
  await page.waitForFunction(() => {
    const cells = [...document.querySelectorAll("#board td")];
    return cells.length > 300 && cells.filter((cell) => cell.textContent !== "").length > 350;
  });
  const board = await page.locator("#board").textContent();
  await page.waitForFunction((before) => document.querySelector("#board")?.textContent !== before, board);
  await page.waitForFunction(() =>
    /^\d+ \/ \d+ ms$/.test(document.querySelector("#latency")?.textContent ?? ""),
  );
  expect(await page.locator("#status").textContent()).toBe("connected");
  expect(faults).toEqual([]);
  await close();
});

test.skipIf(!hasChromium)(
  "the shard that serves the page is killed, and no trade is missing or repeated",
  async () => {
    const { page, faults, close } = await open();
    await tradesBeyond(page, 100);
    for (let kill = 1; kill <= 3; kill++) {
      const before = await number(page, "trades");
      // The page waits until the shard that was killed before is back.
      await page.getByRole("button", { name: "Kill your shard" }).click();
      await backTimes(page, kill);
      await tradesBeyond(page, before + 200);
      expect(await number(page, "missing")).toBe(0);
      expect(await number(page, "repeated")).toBe(0);
    }
    expect(await page.getByText("was killed with -9").count()).toBe(3);
    expect(faults).toEqual([]);
    await close();
  },
);

test.skipIf(!hasChromium)(
  "what is no trade is told, and the board goes on, whatever anybody publishes",
  async () => {
    const { page, faults, close } = await open();
    await tradesBeyond(page, 10);
    const trade = { symbol: "BTC", price: 1, size: 1, side: "buy", trade: 1 };
    for (const data of [null, "text", { ...trade, price: "<b>1</b>" }, { ...trade, trade: 1e15 }]) {
      await instance.publish({ channel: "BTC.trade", data });
    }
    // The last one is a trade by its shape: the page has to say that all between are missing, and not to count them.
    await page.waitForFunction(() => (document.querySelector("#missing")?.textContent?.length ?? 0) > 15);
    expect(await page.getByText("(payload_invalid)").count()).toBe(3);
    const board = await page.locator("#board").textContent();
    await page.waitForFunction((before) => document.querySelector("#board")?.textContent !== before, board);
    expect(faults).toEqual([]);
    await close();
  },
);

test.skipIf(!hasChromium)(
  "on a small screen, too, what came of a kill is read without scrolling",
  async () => {
    const { page, close } = await open({ viewport: { width: 1280, height: 720 } });
    await tradesBeyond(page, 10);
    await page.getByRole("button", { name: "Kill your shard" }).click();
    await backTimes(page, 1);
    const told = await page.getByText("Back after").boundingBox();
    expect((told?.y ?? Number.NaN) + (told?.height ?? 0)).toBeLessThan(720);
    await close();
  },
);

test.skipIf(!hasChromium)(
  "a server that is gone is told once, with its address, and only what stood is said to have broken",
  async () => {
    const gone = await startInstance(["--demo", "--shards", "1"]);
    const { page, close } = await openPage(`${gone.admin}/demo`);
    await tradesBeyond(page, 10);
    await gone.end("SIGKILL");
    await page.getByText(`Could not connect to ${gone.url}: does the server run?`).waitFor();
    for (let attempt = 0; attempt < 3; attempt++) await page.waitForEvent("websocket");
    expect(await page.getByText("The connection broke").count()).toBe(1);
    expect(await page.getByText("Could not connect").count()).toBe(1);
    await close();
  },
);

test.skipIf(!hasChromium)("it fits a phone, and a dark one", async () => {
  const { page, close } = await open({ viewport: { width: 390, height: 800 }, colorScheme: "dark" });
  await tradesBeyond(page, 10);
  expect(await isTooWide(page)).toBe(false);
  await close();
});

test.skipIf(!hasChromium)("where no demo plays, the page says so and no shard is killed", async () => {
  const plain = await startInstance(["--shards", "1"]);
  try {
    const { page, close } = await openPage(`${plain.admin}/demo`);
    await page.getByText("does this instance run with --demo?").waitFor();
    await page.getByRole("button", { name: "Kill your shard" }).click();
    await page.getByText("(demo_only)").waitFor();
    await close();
  } finally {
    await plain.end();
  }
});
