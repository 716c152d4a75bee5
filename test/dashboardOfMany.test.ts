// The dashboard of fifty instances, which reads as it does of one.
import { afterEach, expect, test } from "bun:test";
import { startSyntheticDashboard } from "@shardcast/dashboard/synthetic.fixture";
import { browserForTests, hasChromium, isTooWide } from "./browser.fixture.ts";

const openPage = browserForTests();
const undo: Array<() => Promise<void>> = [];

afterEach(async () => {
  for (const step of undo.splice(0)) await step();
});

async function open(isIll: boolean, options = {}) {
  const dashboard = startSyntheticDashboard({ instances: 50, isIll });
  const { page, faults, close } = await openPage(dashboard.url, options);
  undo.push(close, dashboard.stop);
  await page.locator(".verdict").waitFor();
  return { page, faults };
}

test.skipIf(!hasChromium)("fifty that are well are one line, twelve rows and a square each", async () => {
  const { page, faults } = await open(false);
  await page.getByRole("heading", { name: "All is well" }).waitFor();
  await page.getByText("50 instances, 200 shards ready of 200").waitFor();
  expect(await page.locator("#instances .map button").count()).toBe(50);
  expect(await page.locator("#instances tbody tr").count()).toBe(12);
  await page.getByRole("button", { name: "Show all 50" }).click();
  expect(await page.locator("#instances tbody tr").count()).toBe(50);
  expect(faults).toEqual([]);
});

test.skipIf(!hasChromium)("what is wrong stands on top, and in the first rows", async () => {
  const { page } = await open(true);
  await page.getByRole("heading", { name: "2 things are wrong" }).waitFor();
  const findings = await page.locator(".verdict li").allTextContents();
  expect(findings.map((text) => /^(unhealthy|degraded)gw-\w+-\d+/.exec(text)?.[0])).toEqual([
    "unhealthygw-eu-12",
    "unhealthygw-us-49",
    "degradedgw-eu-03",
    "degradedgw-us-07",
  ]);
  const rows = page.locator("#instances tbody tr");
  expect(await rows.nth(0).textContent()).toContain("gw-eu-12");
  expect(await rows.nth(1).textContent()).toContain("gw-eu-03");
});

test.skipIf(!hasChromium)("rows are sorted, filtered and opened by the keyboard", async () => {
  const { page } = await open(true);
  const rows = page.locator("#instances tbody tr");
  await page.getByRole("button", { name: "Instance", exact: true }).focus();
  await page.keyboard.press("Enter");
  expect(await rows.nth(0).textContent()).toContain("gw-ap-02");
  await page.getByPlaceholder("name, region, role, status").fill("gw-eu-03");
  expect(await rows.count()).toBe(1);
  await rows.locator(".opener").focus();
  await page.keyboard.press("Space");
  await page.locator(".detail").getByText("down").waitFor();
  expect(await page.locator(".detail tbody tr").count()).toBe(4);
  await page.getByPlaceholder("name, region, role, status").fill("nobody");
  await page.getByText("No instance is like that.").waitFor();
});

test.skipIf(!hasChromium)("fifty fit a phone", async () => {
  const { page } = await open(true, { viewport: { width: 390, height: 800 } });
  expect(await isTooWide(page)).toBe(false);
});
