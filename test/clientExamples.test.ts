// The SDK's examples, built as a reader would, in a real browser and against a real instance.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { basename, join } from "node:path";
import { browserForTests, hasChromium } from "./browser.fixture.ts";
import { startInstance, type TestInstance } from "./instance.fixture.ts";

const EXAMPLES = join(import.meta.dir, "..", "packages", "client", "examples");

async function serveExample(name: string) {
  const build = await Bun.build({ entrypoints: [join(EXAMPLES, name, "index.html")], target: "browser" });
  const files = new Map(build.outputs.map((output) => [basename(output.path), output]));
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => new Response(files.get(basename(new URL(request.url).pathname))),
  });
}

describe.skipIf(!hasChromium)("in Chromium", () => {
  const openPage = browserForTests();
  let instance: TestInstance;
  beforeAll(async () => {
    instance = await startInstance(["--shards", "1", "--demo", "--log-level", "error"]);
  });
  afterAll(() => instance?.end());

  async function open(name: string) {
    const site = await serveExample(name);
    const query = new URLSearchParams({ server: instance.url });
    const opened = await openPage(`${site.url}index.html?${query}`);
    const close = async () => {
      await opened.close();
      await site.stop(true);
    };
    return { ...opened, close };
  }

  test("the vanilla example shows prices that move", async () => {
    const { page, faults, close } = await open("vanilla");
    const price = page.locator("tr", { hasText: "BTC.trade" }).locator("td").nth(1);
    const first = await price.textContent();
    expect(Number(first)).toBeGreaterThan(0);
    await page.waitForFunction(
      (before) => document.querySelector("tbody td:nth-child(2)")?.textContent !== before,
      await page.locator("tbody td:nth-child(2)").first().textContent(),
    );
    expect(await page.getByRole("status").textContent()).toBe("connected");
    expect(faults).toEqual([]);
    await close();
  }, 60_000);

  test("the React example shows the channel that is chosen, and leaves the other one", async () => {
    const { page, faults, close } = await open("react");
    const shown = (channel: string) => page.locator(`output[title="${channel}"]`, { hasText: /\d/ });
    expect(Number(await shown("BTC.trade").textContent())).toBeGreaterThan(0);
    await page.getByRole("button", { name: "ETH.trade" }).click();
    expect(Number(await shown("ETH.trade").textContent())).toBeGreaterThan(0);
    expect(await page.locator("p").textContent()).toBe("connected");
    expect(faults).toEqual([]);
    await close();
  }, 60_000);
});
