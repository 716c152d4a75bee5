import { expect, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import { startTcpProxy } from "./tcpProxy.ts";

test("what comes when a delay has ended does not overtake what it had delayed, however late timers are", async () => {
  const upstream = Promise.withResolvers<Socket>();
  const server = createServer((socket) => upstream.resolve(socket.setNoDelay()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const proxy = await startTcpProxy({ port: address.port });
  const client = connect(proxy.port, "127.0.0.1");
  let got = "";
  client.on("data", (chunk: Buffer) => (got += chunk.toString()));
  try {
    const socket = await upstream.promise;
    for (const [first, second] of ["ab", "cd", "ef", "gh"].map((pair) => [...pair])) {
      const goOn = proxy.delay(20);
      socket.write(first ?? "");
      // It has come to the proxy and waits there.
      await Bun.sleep(10);
      goOn();
      socket.write(second ?? "");
      // A busy machine: the timer of the one is due by the time that the other is read.
      const untilMs = performance.now() + 30;
      while (performance.now() < untilMs);
      await Bun.sleep(30);
    }
    while (got.length < 8) await Bun.sleep(1);
    expect(got).toBe("abcdefgh");
  } finally {
    client.destroy();
    await proxy.close();
    server.close();
  }
});
