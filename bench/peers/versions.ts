import { spawnSync } from "node:child_process";
import { nodeProgram } from "../../test/services/node.ts";
import { centrifugoProgram } from "./centrifugo.ts";

/** What was measured, as far as it is here. */
export function versions(): readonly string[] {
  const node = nodeProgram();
  const centrifugo = centrifugoProgram();
  // A build by `go install` does not know its own version: Go does.
  const built = centrifugo === undefined ? "" : said("go", ["version", "-m", centrifugo]);
  return [
    `Bun ${Bun.version}`,
    node === undefined ? undefined : `Node ${said(node, ["--version"]).slice(1)}`,
    ...["ws", "socket.io", "@socket.io/redis-adapter", "redis"].map(packageVersion),
    /centrifugo\/v6\s+v(\S+)/.exec(built)?.[1]?.replace(/^/, "Centrifugo "),
    /nginx\/(\S+)/.exec(said("nginx", ["-v"]))?.[1]?.replace(/^/, "nginx "),
    /\d\S+/.exec(said("dpkg-query", ["-W", "libnginx-mod-nchan"]))?.[0]?.replace(/^/, "Nchan "),
    /v=(\S+)/.exec(said("redis-server", ["--version"]))?.[1]?.replace(/^/, "Redis server "),
  ].filter((version) => version !== undefined);
}

function packageVersion(name: string): string {
  const manifest = new URL(`../../node_modules/${name}/package.json`, import.meta.url).pathname;
  const { version } = require(manifest) as { version: string };
  return `${name} ${version}`;
}

/** Both outputs; empty where there is no such program. */
function said(program: string, args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return `${stdout ?? ""}${stderr ?? ""}`.trim();
}
