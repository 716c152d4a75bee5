import { freePorts } from "./services/ports.ts";

export interface TestInstance {
  /** For clients. */
  readonly url: string;
  /** The same for all shards. */
  readonly port: number;
  readonly admin: string;
  readonly pid: number;
  /** Resolves when its supervisor has ended, however that came about. */
  readonly exited: Promise<number>;
  /** Everything that it has logged so far, a line each. */
  readonly log: readonly string[];
  shardPids(): Promise<number[]>;
  /** Over HTTP; resolves with the cursors, in order. Rejects where that is refused. */
  publish(...items: ReadonlyArray<{ readonly channel: string; readonly data: unknown }>): Promise<string[]>;
  /** Resolves with the exit code, once all is read that it has logged; after `SIGKILL` its shards may go on for a moment. */
  end(signal?: NodeJS.Signals): Promise<number>;
}

const MAIN = new URL("../packages/cli/main.ts", import.meta.url).pathname;
const END_WITH_LAUNCHER = new URL("../packages/cli/endWithLauncher.ts", import.meta.url).pathname;

/** Starts `shardcast serve` as a user would, on ports of its own unless told, and waits until it says where to look. */
export async function startInstance(
  flags: readonly string[],
  options: {
    readonly port?: number;
    readonly adminPort?: number;
    /** Where it is not run from its sources: the directory of a bundle. */
    readonly bundle?: string;
    /** Added to this process's own. */
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<TestInstance> {
  const adminPort = options.adminPort ?? (await freePorts(1))[0] ?? 0;
  const command = [
    process.execPath,
    ...(options.bundle === undefined
      ? ["--preload", END_WITH_LAUNCHER, MAIN]
      : ["--preload", `${options.bundle}/endWithLauncher.js`, `${options.bundle}/main.js`]),
    "serve",
    ...(flags.includes("--host") ? [] : ["--host", "127.0.0.1"]),
    // As a rule no load balancer is there that would have to notice.
    ...(flags.includes("--drain-wait-ms") ? [] : ["--drain-wait-ms", "0"]),
    "--port",
    `${options.port ?? 0}`,
    "--admin-port",
    `${adminPort}`,
  ];
  const child = Bun.spawn([...command, "--log-format", "json", ...flags], {
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...options.env },
    // Whatever ends this process, SIGKILL too, closes the channel, and the instance ends by that.
    ipc: () => {},
  });
  const log: string[] = [];
  const logging = collectLines(child.stderr, (line) => log.push(line));
  const url = await new Promise<string>((resolve, reject) => {
    void collectLines(child.stdout, (line) => {
      const found = /clients +(wss?:\S+)/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
      // Such an instance refuses clients at this address.
      else if (/clients +none/.test(line)) resolve(`ws://127.0.0.1:${options.port ?? 0}/ws`);
    });
    void child.exited.then(async (code) => {
      await logging;
      reject(new Error(`the instance ended with ${code} before it was ready:\n${log.join("\n")}`));
    });
  });
  const admin = `http://127.0.0.1:${adminPort}`;
  const stop = () => child.kill("SIGKILL");
  process.once("exit", stop);
  return {
    url,
    port: Number(new URL(url).port),
    admin,
    pid: child.pid,
    exited: child.exited,
    log,
    async shardPids() {
      const { shards } = (await (await fetch(`${admin}/api/instance`)).json()) as {
        shards: Array<{ pid?: number }>;
      };
      return shards.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
    },
    async publish(...items) {
      const response = await fetch(`${admin}/api/publish`, { method: "POST", body: JSON.stringify(items) });
      if (!response.ok) throw new Error(`not published: ${response.status} ${await response.text()}`);
      const { published } = (await response.json()) as { published: Array<{ cursor: string }> };
      return published.map(({ cursor }) => cursor);
    },
    async end(signal = "SIGTERM") {
      child.kill(signal);
      const code = await child.exited;
      process.off("exit", stop);
      // What it has said last may be read only after it has ended.
      if (signal !== "SIGKILL") await logging;
      return code;
    },
  };
}

async function collectLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
}
