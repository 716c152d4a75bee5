// Prints what a stack's file would make, with nothing of Google behind it: `npm run plan -- examples/one-region.yaml`. With
// --write it writes those of all examples to docs/gcp. A real plan, against what is there, is `pulumi preview`.
import { readdirSync, writeFileSync } from "node:fs";
import { pretend } from "./mocks.ts";
import { planText } from "./planText.ts";
import { SettingsError } from "./settings/read.ts";
import { readStackFile } from "./settings/stackFile.ts";

const [path] = process.argv.slice(2);
if (path === undefined) {
  console.error("usage: npm run plan -- <file>, such as examples/one-region.yaml, or --write");
  process.exit(2);
}
try {
  if (path === "--write") await writePlans();
  else console.log(await planOf(path));
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exit(1);
}

async function planOf(file: string): Promise<string> {
  return planText(await pretend(readStackFile(file)));
}

async function writePlans(): Promise<void> {
  for (const file of readdirSync("examples")) {
    const target = `../../docs/gcp/${file.replace(".yaml", ".txt")}`;
    writeFileSync(target, `${await planOf(`examples/${file}`)}\n`);
    console.log(`wrote ${target}`);
  }
}
