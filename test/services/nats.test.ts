import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { natsAvailable, startNats, startNatsCluster } from "./nats.ts";

describe.skipIf(!natsAvailable())("a real NATS server", () => {
  test("greets, and greets again on the same port after it was killed", async () => {
    const nats = await startNats();
    expect(await greeting(nats.port)).toStartWith("INFO {");
    await nats.kill();
    await nats.restart();
    expect(await greeting(nats.port)).toStartWith("INFO {");
    await nats.stop();
  });

  test("obeys its configuration", async () => {
    const nats = await startNats({ config: "max_payload: 12345" });
    expect(await greeting(nats.port)).toContain('"max_payload":12345');
    await nats.stop();
  });

  test("belongs to a cluster", async () => {
    const nodes = await startNatsCluster(2);
    for (const { port } of nodes) expect(await greeting(port)).toContain('"cluster":"test"');
    await Promise.all(nodes.map((node) => node.stop()));
  });
});

function greeting(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("data", (bytes) => {
      resolve(bytes.toString());
      socket.destroy();
    });
    socket.once("error", reject);
  });
}
