import { afterAll, beforeAll } from "bun:test";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { chromiumProgram } from "./services/chromiumPage.ts";
import { startChromium } from "./services/drivenChromium.ts";

export interface WatchedPage {
  readonly page: Page;
  /** Errors of scripts, refusals of the Content Security Policy and the like; answers with an error status, and an end, are no such. */
  readonly faults: readonly string[];
  close(): Promise<void>;
}

/** Where there is none, which has been said loudly, tests in a browser do not run. */
export const hasChromium = chromiumProgram() !== undefined;

/** One browser for the tests of a file. What it returns opens pages in it. */
export function browserForTests(): (url: string, options?: BrowserContextOptions) => Promise<WatchedPage> {
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(() => browser?.close());
  return async (url, options = {}) => {
    if (browser === undefined) throw new Error("there is no browser");
    return await openPage(browser, url, options);
  };
}

/** A page in a context of its own, with whatever goes wrong in it. */
async function openPage(browser: Browser, url: string, options: BrowserContextOptions): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1400, height: 1000 }, ...options });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    const isAnswer =
      /^Failed to load resource: (the server responded|net::ERR_CONNECTION_REFUSED)|WebSocket connection/.test(
        message.text(),
      );
    if (message.type() === "error" && !isAnswer) faults.push(message.text());
  });
  await page.goto(url);
  return { page, faults, close: () => context.close() };
}

/** Whether the page is wider than its window, which a phone's user would have to push around. */
export async function isTooWide(page: Page): Promise<boolean> {
  return await page.evaluate(
    () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
  );
}
