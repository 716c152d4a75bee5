import { expect, test } from "bun:test";
import { parseFlags } from "@shardcast/server/config/flags";
import { withSecretFile } from "@shardcast/server/config/readSettings";
import { COMMANDS } from "./commands.ts";
import { findCommand } from "./findCommand.ts";
import { commandLineReference } from "./reference.ts";

test("docs/cli.md is what the commands' help says (mended by bun scripts/generateCommandLine.ts)", async () => {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  const page = await Bun.file(new URL("../../docs/cli.md", import.meta.url)).text();
  expect(page).toBe(commandLineReference(commands));
});

test.each(Object.entries(COMMANDS))(
  "every example of %s is of that command, with flags that it has",
  async (name, load) => {
    const { settings, examples } = await load();
    const shapes = Object.values(settings)
      .flatMap(withSecretFile)
      .map((setting) => ({ name: setting.name, ...setting.kind }));
    for (const { line } of examples) {
      // What stands before it, or reads on behind it, is of other programs.
      const [own = ""] = /^(?:'[^']*'|[^|<'])+/.exec(line.split("shardcast ").at(-1) ?? "") ?? [];
      const words = [...own.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
      const found = findCommand(words);
      expect({ line, command: (await found.load()).name }).toEqual({ line, command: name });
      expect(parseFlags(found.argv, shapes).problems).toEqual([]);
    }
  },
);
