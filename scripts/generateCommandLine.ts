// Writes docs/cli.md anew from the commands' own help.
import { writeFileSync } from "node:fs";
import { COMMANDS } from "../packages/cli/commands.ts";
import { commandLineReference } from "../packages/cli/reference.ts";

const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
writeFileSync(new URL("../docs/cli.md", import.meta.url), commandLineReference(commands));
