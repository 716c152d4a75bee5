// Prints what a stack's file would make, with nothing of Google behind it: `npm run plan -- examples/one-region.yaml`.
// A real plan, against what is there, is `pulumi preview`.
import { pretend } from "./mocks.ts";
import { planText } from "./planText.ts";
import { SettingsError } from "./settings/read.ts";
import { readStackFile } from "./settings/stackFile.ts";

const [path] = process.argv.slice(2);
if (path === undefined) {
  console.error("usage: npm run plan -- <file>, such as examples/one-region.yaml");
  process.exit(2);
}
try {
  console.log(planText(await pretend(readStackFile(path))));
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exit(1);
}
