import { mkdirSync } from "node:fs";
import { runOf, runText } from "./runOf.ts";

/** Writes what a bench found, with what it ran on, into `bench/results/`. */
export async function writeResults(bench: string, results: Readonly<Record<string, unknown>>): Promise<void> {
  const directory = new URL("./results/", import.meta.url).pathname;
  mkdirSync(directory, { recursive: true });
  const file = `${directory}${bench}-${new Date().toISOString().replaceAll(":", "-")}.json`;
  const run = runOf();
  const host = { ...run, bun: Bun.version, cores: navigator.hardwareConcurrency, platform: process.platform };
  await Bun.write(file, JSON.stringify({ bench, ...host, ...results }, undefined, 2));
  console.log(`${bench} of ${runText(run)}; written: ${file}\n`);
}
