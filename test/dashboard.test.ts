// The dashboard at the admin port of a real instance, in a real browser.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { browserForTests, hasChromium, isTooWide } from "./browser.fixture.ts";
import { startInstance, type TestInstance } from "./instance.fixture.ts";

const openPage = browserForTests();
let instance: TestInstance;

beforeAll(async () => {
  if (hasChromium) instance = await startInstance(["--demo", "--shards", "2"]);
});

afterAll(async () => {
  await instance?.end();
});

const NOWHERE = { x: 0, y: 0, width: 0, height: 0 };

async function open(admin = instance.admin, options = {}) {
  return await openPage(`${admin}/`, options);
}

test.skipIf(!hasChromium)("one look tells that all is well, with figures and charts", async () => {
  const { page, faults, close } = await open();
  await page.getByRole("heading", { name: "All is well" }).waitFor();
  await page.getByText("1 instance, 2 shards ready of 2").waitFor();
  expect(await page.locator(".tile").count()).toBe(12);
  expect(await page.locator(".chart canvas").count()).toBe(9);
  // The feed goes on, and so does the page.
  await page.waitForFunction(() =>
    /Messages in\d+\/s/.test(document.querySelector(".tiles")?.textContent ?? ""),
  );
  await page.locator("#channels tbody tr").nth(9).waitFor();
  expect(faults).toEqual([]);
  await close();
});

test.skipIf(!hasChromium)("history is there when the page is opened, not only from then on", async () => {
  const { page, close } = await open();
  // The first page has its own by then, which could be taken for that of the second.
  await page.getByRole("heading", { name: "All is well" }).waitFor();
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url().endsWith("api/overview?after=0")),
    page.reload(),
  ]);
  const { history } = (await answer.json()) as { history: { samples: unknown[] } };
  expect(history.samples.length).toBeGreaterThan(0);
  // Later looks ask for what is new.
  await page.waitForRequest((request) => /after=\d{13}$/.test(request.url()));
  await close();
});

test.skipIf(!hasChromium)("the explorer shows messages and cursors, and resumes without a loss", async () => {
  const { page, faults, close } = await open();
  const explorer = page.locator("#explorer");
  await explorer.getByLabel("Channel or pattern").fill("explored.*");
  await explorer.getByRole("button", { name: "Subscribe" }).click();
  await explorer.getByText("connected").waitFor();
  await instance.publish({ channel: "explored.a", data: { number: 1 } });
  await explorer.getByText('{"number":1}').waitFor();
  expect(await explorer.locator("tbody td").nth(2).textContent()).toMatch(/^\w+:\d+$/);

  await explorer.getByRole("button", { name: "Disconnect" }).click();
  await explorer.getByText("Disconnected.").waitFor();
  for (const number of [2, 3, 4]) await instance.publish({ channel: "explored.b", data: { number } });
  await explorer.getByRole("button", { name: "Resume" }).click();
  await explorer.getByText("3 missed messages came first").waitFor();
  await instance.publish({ channel: "explored.a", data: { number: 5 } });
  await explorer.getByText('{"number":5}').waitFor();
  const data = await explorer.locator("td.data").allTextContents();
  expect(data.map((text) => JSON.parse(text).number)).toEqual([5, 4, 3, 2, 1]);
  expect(await explorer.locator("tr.replayed").count()).toBe(3);
  expect(faults).toEqual([]);
  await close();
});

test.skipIf(!hasChromium)(
  "of a payload of a megabyte the explorer shows and keeps the beginning",
  async () => {
    const { page, faults, close } = await open();
    const explorer = page.locator("#explorer");
    await explorer.getByLabel("Channel or pattern").fill("large.one");
    await explorer.getByRole("button", { name: "Subscribe" }).click();
    await explorer.getByText("connected").waitFor();
    await instance.publish({ channel: "large.one", data: "<b>".repeat(300_000) });
    const data = explorer.locator("td.data");
    await data.getByText("… and 896K characters more").waitFor();
    expect((await data.textContent())?.length).toBeLessThan(4100);
    expect(faults).toEqual([]);
    await close();
  },
);

test.skipIf(!hasChromium)(
  "on a phone the explorer shows the data without pushing the page around",
  async () => {
    const { page, close } = await open(instance.admin, { viewport: { width: 375, height: 740 } });
    const explorer = page.locator("#explorer");
    await explorer.getByLabel("Channel or pattern").fill("phone.one");
    await explorer.getByRole("button", { name: "Subscribe" }).click();
    await explorer.getByText("connected").waitFor();
    await instance.publish({ channel: "phone.one", data: { number: 1, text: "long ".repeat(100) } });
    const code = explorer.locator("td.data code");
    const data = await code.boundingBox();
    // Long lines are wrapped, and not cut off.
    expect(await code.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)).toBe(0);
    expect(data?.x).toBeLessThan(100);
    expect((data?.x ?? Number.NaN) + (data?.width ?? 0)).toBeLessThanOrEqual(375);
    expect(await isTooWide(page)).toBe(false);
    await close();
  },
);

test.skipIf(!hasChromium)("a channel that is none is refused in words", async () => {
  const { page, close } = await open();
  const explorer = page.locator("#explorer");
  await explorer.getByLabel("Channel or pattern").fill("a b");
  await explorer.getByRole("button", { name: "Subscribe" }).click();
  await explorer.getByRole("alert").getByText("not a channel name or pattern").waitFor();
  await close();
});

test.skipIf(!hasChromium)("a top channel is opened in the explorer by the keyboard alone", async () => {
  const { page, close } = await open();
  await page.locator("#channels").getByRole("button", { name: "BTC.trade" }).focus();
  await page.keyboard.press("Enter");
  await page.locator("#explorer td.data").nth(2).waitFor();
  expect(await page.locator("#explorer").getByLabel("Channel or pattern").inputValue()).toBe("BTC.trade");
  await close();
});

test.skipIf(!hasChromium)(
  "what is published is answered with its cursor; what is no JSON is not sent",
  async () => {
    const { page, close } = await open();
    const box = page.locator("#publish");
    await box.getByLabel("Data, any JSON").fill("{");
    await box.getByText("Not JSON").waitFor();
    expect(await box.getByRole("button").isDisabled()).toBe(true);
    await box.getByLabel("Data, any JSON").fill('{"big":12345678901234567890}');
    await box.getByRole("button").click();
    await box.getByText(/Published as \w+:\d+/).waitFor();
    await box.getByLabel("Channel").fill("no channel");
    await box.getByRole("button").click();
    await box.getByText("(channel_invalid)").waitFor();
    await close();
  },
);

test.skipIf(!hasChromium)(
  "with API keys it asks for one, says what is wrong with it, and what it may not do",
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "shardcast-"));
    const reader = "reader-key-0123456789ab";
    writeFileSync(join(directory, "keys"), `looks:read:${reader}\n`);
    const guarded = await startInstance(["--shards", "1", "--api-keys-file", join(directory, "keys")]);
    try {
      const { page, faults, close } = await open(guarded.admin);
      const field = page.getByLabel("API key");
      await page.getByText("This admin port asks for a key").waitFor();
      await field.fill("wrong-key-0123456789");
      await page.keyboard.press("Enter");
      await page.getByText("this API key is not known here").waitFor();
      await field.fill(reader);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "All is well" }).waitFor();

      await page.locator("#publish").getByRole("button").click();
      await page.locator("#publish").getByText("(scope_missing)").waitFor();
      await page.reload();
      await page.getByRole("heading", { name: "All is well" }).waitFor();
      await page.getByRole("button", { name: "Forget the key" }).click();
      await page.getByText("This admin port asks for a key").waitFor();
      expect(faults).toEqual([]);
      await close();
    } finally {
      await guarded.end();
      rmSync(directory, { recursive: true });
    }
  },
);

test.skipIf(!hasChromium)("an instance that does not answer any more is told as that", async () => {
  const dying = await startInstance(["--shards", "1"]);
  const { page, close } = await open(dying.admin);
  await page.getByRole("heading", { name: "All is well" }).waitFor();
  await dying.end("SIGKILL");
  await page.getByRole("heading", { name: /No word for/ }).waitFor();
  await close();
});

test.skipIf(!hasChromium)("it fits a phone, light and dark", async () => {
  for (const colorScheme of ["light", "dark"] as const) {
    const { page, close } = await open(instance.admin, {
      viewport: { width: 390, height: 800 },
      colorScheme,
    });
    await page.getByRole("heading", { name: "All is well" }).waitFor();
    expect(await isTooWide(page)).toBe(false);
    await close();
  }
});

test.skipIf(!hasChromium)(
  "on a phone a confirmation stands clear of the edges, with a long name too",
  async () => {
    const width = 360;
    const named = await startInstance(["--shards", "1", "--instance", `gateway-${"0123456789".repeat(5)}`]);
    const { page, close } = await open(named.admin, { viewport: { width, height: 740 } });
    for (const operation of ["Rebalance", "Drain"]) {
      await page.getByRole("button", { name: `${operation} …` }).click();
      const dialog = page.getByRole("dialog", { name: operation });
      const { x, y, width: its, height } = (await dialog.boundingBox()) ?? NOWHERE;
      expect(Math.min(x, width - x - its)).toBeGreaterThanOrEqual(16);
      expect(Math.min(y, 740 - y - height)).toBeGreaterThanOrEqual(16);
      expect(await dialog.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)).toBe(0);
      await dialog.getByRole("button", { name: "Cancel" }).click();
    }
    expect(await isTooWide(page)).toBe(false);
    await close();
    await named.end();
  },
);

test.skipIf(!hasChromium)("the colours that were chosen stay", async () => {
  const { page, close } = await open(instance.admin, { colorScheme: "light" });
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await page.getByLabel("Colours").selectOption("dark");
  const dark = await ground();
  await page.reload();
  await page.getByRole("heading", { name: "All is well" }).waitFor();
  expect(await ground()).toBe(dark);
  await page.getByLabel("Colours").selectOption("light");
  expect(await ground()).not.toBe(dark);
  await close();
});

test.skipIf(!hasChromium)("no inline script, and nothing from elsewhere, is let in", async () => {
  const policy = (await fetch(`${instance.admin}/`)).headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toContain("unsafe");
  const { page, close } = await open();
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.ranInline = true";
    document.head.append(script);
    return "ranInline" in window;
  });
  expect(ran).toBe(false);
  await close();
});
