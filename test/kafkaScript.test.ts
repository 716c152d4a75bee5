import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { KafkaCluster } from "../packages/server/kafka/cluster.ts";
import { kafkaAvailable } from "./services/kafka.ts";
import { freePorts } from "./services/ports.ts";
import { rejectionOf } from "./services/rejectionOf.ts";

const SCRIPT = join(import.meta.dir, "..", "scripts", "kafka.ts");

describe.skipIf(!kafkaAvailable())("npm run kafka", () => {
  test("gives a broker on the port that is asked for, and Ctrl-C takes it away", async () => {
    const [port = 0] = await freePorts(1);
    const child = Bun.spawn([process.execPath, SCRIPT, "--port", `${port}`], {
      stdout: "pipe",
      stderr: "ignore",
    });
    const reader = child.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toContain(`listens on localhost:${port}`);
    const cluster = new KafkaCluster({ brokers: [`localhost:${port}`], clientId: "test" });
    expect((await cluster.topics([])).size).toBe(0);
    const second = Bun.spawn([process.execPath, SCRIPT, "--port", `${port}`], { stderr: "pipe" });
    expect(await new Response(second.stderr).text()).toContain(`port ${port} on 127.0.0.1 is taken`);
    expect(await second.exited).toBe(1);
    await cluster.close();
    child.kill("SIGINT");
    expect(await child.exited).toBe(0);
    const left = Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });
    expect(await rejectionOf(left)).toBeInstanceOf(Error);
  }, 120_000);
});
