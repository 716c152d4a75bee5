import { type Browser, chromium } from "playwright-core";
import { CHROMIUM_FLAGS, chromiumProgram } from "./chromiumPage.ts";

/** A real browser without a window that tests look into and click in; undefined, said loudly, where there is none. */
export async function startChromium(): Promise<Browser | undefined> {
  const program = chromiumProgram();
  if (program === undefined) return undefined;
  return await chromium.launch({ executablePath: program, args: CHROMIUM_FLAGS });
}
