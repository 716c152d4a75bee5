import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGuarded } from "../../test/services/guardedProcess.ts";

const START_MS_MAX = 15_000;

export interface ServerProcess {
  readonly port: number;
  /** It and its children. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** Starts a server with a folder of its own, and waits until its port answers HTTP. */
export async function startServer(
  port: number,
  command: (directory: string) => readonly string[],
): Promise<ServerProcess> {
  const directory = mkdtempSync(join(tmpdir(), "shardcast-peer-"));
  const logFile = join(directory, "server.log");
  const server = await startGuarded(command(directory), { logFile, directory });
  const stop = async () => {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  let hasEnded = false;
  void server.exited.then(() => {
    hasEnded = true;
  });
  const deadline = Date.now() + START_MS_MAX;
  while (!(await answers(port))) {
    if (hasEnded || Date.now() > deadline) {
      const log = readFileSync(logFile, { encoding: "utf8", flag: "a+" });
      await stop();
      throw new Error(`a server does not answer on port ${port}:\n${log}`);
    }
    await Bun.sleep(20);
  }
  const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8");
  return {
    port,
    pids: [
      server.pid,
      ...children
        .split(" ")
        .map(Number)
        .filter((pid) => pid > 0),
    ],
    stop,
  };
}

async function answers(port: number): Promise<boolean> {
  try {
    await (await fetch(`http://127.0.0.1:${port}/`)).arrayBuffer();
    return true;
  } catch {
    // It does not listen yet.
    return false;
  }
}

/** Publishes by one HTTP request; throws for any answer but 2xx. */
export async function post(url: string, body: string): Promise<string> {
  const response = await fetch(url, { method: "POST", body });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answers ${response.status}: ${text.slice(0, 200)}`);
  return text;
}
