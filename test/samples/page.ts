import { chromium } from "../page.fixture.ts";
import { ROOT } from "../pages/pages.ts";
import type { Addresses } from "./addresses.ts";
import { type Block, planOf, type Sample } from "./blocks.ts";
import { runInBrowser } from "./browser.ts";
import { runScript } from "./script.ts";
import { type Left, runShell, startsServer } from "./shell.ts";
import { ownAddresses, type Stages } from "./stages.ts";

/** The samples of one page, from its top to its end, as a reader goes through it. */
export async function runPage(blocks: readonly Block[], stages: Stages): Promise<void> {
  const own = await ownAddresses();
  const left: Left[] = [];
  try {
    for (const block of blocks) {
      const plan = planOf(block);
      if (plan.kind !== "run") continue;
      const { stage } = plan.sample;
      const addresses = await stages.addresses(stage, own, usesKafka(block));
      if (startsServer(block.text)) await stopServers(left);
      left.push(...(await told(block, () => runBlock(block, plan.sample, addresses))));
    }
    for (const { terminal, until } of left) {
      if (until === undefined || (await terminal.shows(until))) continue;
      throw new Error(`\`${terminal.command}\` did not show ${until}:\n${terminal.output()}`);
    }
  } finally {
    await Promise.all(left.map(({ terminal }) => terminal.close()));
  }
}

/** Its ports are the same as those of the one before, which the reader was told to stop. */
async function stopServers(left: readonly Left[]): Promise<void> {
  const servers = left.filter(({ terminal }) => startsServer(terminal.command));
  await Promise.all(servers.map(({ terminal }) => terminal.close()));
}

export function usesKafka({ text }: Block): boolean {
  return text.includes("localhost:9092");
}

async function runBlock(block: Block, sample: Sample, addresses: Addresses): Promise<readonly Left[]> {
  if (block.language === "sh") return await runShell(block.text, sample, addresses, ROOT);
  if (sample.browser === "none") await runScript(block, sample, addresses, ROOT);
  else if (chromium !== undefined) await runInBrowser(block, sample, addresses);
  return [];
}

async function told<T>({ where }: Block, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw new Error(`${where}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}
