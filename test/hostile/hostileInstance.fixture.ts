import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Transport } from "../../packages/server/gateway/rawSocket.fixture.ts";
import { startInstance, type TestInstance } from "../instance.fixture.ts";
import { makeCertificates } from "../services/certificates.ts";
import { metricOf } from "../status.fixture.ts";
import { MESSAGE_BYTES_MAX } from "./frameCases.ts";

export interface HostileInstance {
  readonly instance: TestInstance;
  /** Of clients. */
  readonly port: number;
  /** What `/metrics` says, `shardcast_` left out, over all shards and labels that are not named; 0 where it is not there. */
  figure(name: string, labels?: string): Promise<number>;
  /** Of all processes of the instance. */
  memory(): Promise<{ readonly rssBytes: number; readonly files: number }>;
  end(): Promise<void>;
}

/** A server as a user starts it, with one shard, in plain text or with a certificate of its own. */
export async function startHostileInstance(
  transport: Transport,
  flags: readonly string[] = [],
): Promise<HostileInstance> {
  const directory = mkdtempSync(join(tmpdir(), "shardcast-hostile-"));
  const encrypted = transport === "tls" ? certificateIn(directory) : [];
  const limits = ["--shards", "1", "--max-message-bytes", `${MESSAGE_BYTES_MAX}`];
  const instance = await startInstance([...limits, ...encrypted, ...flags]);
  const adminPort = Number(new URL(instance.admin).port);
  const [shard = 0] = await instance.shardPids();
  return {
    instance,
    port: instance.port,
    // One that nothing was counted for yet may not be there.
    figure: (name, labels = "") => metricOf({ adminPort }, `shardcast_${name}`, labels).catch(() => 0),
    async memory() {
      const pids = [instance.pid, ...(await instance.shardPids())];
      if (pids[1] !== shard) throw new Error(`the shard died: ${instance.log.slice(-5).join("\n")}`);
      return {
        rssBytes: pids.reduce((sum, pid) => sum + rssBytesOf(pid), 0),
        files: pids.reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0),
      };
    },
    async end() {
      await instance.end();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The flags of a certificate that is made there. */
function certificateIn(directory: string): readonly string[] {
  const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")];
  const { server } = makeCertificates(directory);
  writeFileSync(cert, server.cert);
  writeFileSync(key, server.key);
  return ["--tls-cert", cert, "--tls-key", key];
}

export function rssBytesOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}
