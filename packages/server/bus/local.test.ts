import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rejectionOf } from "../../../test/services/rejectionOf.ts";
import { connected } from "./busState.fixture.ts";
import { type BusUnderTest, busConformance } from "./conformance.ts";
import { LocalBroadcastBus } from "./local.ts";
import { LOCAL_MESSAGE, localHeader } from "./localMessages.ts";
import { LocalBusServer } from "./localServer.ts";

const FAST = { retryMinMs: 1, retryMaxMs: 20 };

busConformance("local", async () => {
  const directory = await mkdtemp(join(tmpdir(), "shardcast-bus-"));
  const path = join(directory, "bus.sock");
  let server = await startServer(path);
  const underTest: BusUnderTest = {
    create: async (options) => connected(new LocalBroadcastBus({ path, ...FAST, ...options })),
    cut: async () => {
      server.kill("SIGKILL");
      await server.exited;
      return async () => {
        await rm(path, { force: true });
        server = await startServer(path);
      };
    },
    hang: () => {
      server.kill("SIGSTOP");
      return Promise.resolve(() => {
        server.kill("SIGCONT");
        return Promise.resolve();
      });
    },
    close: async () => {
      server.kill("SIGKILL");
      await server.exited;
      await rm(directory, { recursive: true });
    },
  };
  return underTest;
});

describe("the local bus", () => {
  let directory: string;
  let path: string;
  let server: LocalBusServer;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "shardcast-bus-"));
    path = join(directory, "bus.sock");
  });

  afterEach(async () => {
    await server.close();
    await rm(directory, { recursive: true });
  });

  test("a shard that falls behind is cut off, and costs the others nothing", async () => {
    server = new LocalBusServer({ path, queueBytesMax: 1_000_000 });
    const confirmed = Promise.withResolvers<void>();
    const sloth = await Bun.connect({
      unix: path,
      socket: {
        data: (socket) => {
          socket.pause();
          confirmed.resolve();
        },
      },
    });
    sloth.write(localHeader(LOCAL_MESSAGE.subscribe, 0));
    await confirmed.promise;
    const bus = await connected(new LocalBroadcastBus({ path, ...FAST }));
    let received = 0;
    await bus.subscribe(() => received++);
    let published = 0;
    while (server.stats.cutOff === 0 && published < 100) {
      await bus.publish(Buffer.alloc(200_000));
      published++;
    }
    expect(server.stats).toMatchObject({ cutOff: 1, shards: 1 });
    expect(published).toBeLessThan(20);
    // A frame that comes after all the others shows that none of them is missing.
    const last = Promise.withResolvers<void>();
    await bus.subscribe((frame) => frame.length === 1 && last.resolve());
    await bus.publish(new Uint8Array(1));
    await last.promise;
    expect(received).toBe(published + 1);
    sloth.terminate();
    await bus.close();
  });

  test("the supervisor's own frames reach the shards", async () => {
    server = new LocalBusServer({ path });
    const bus = await connected(new LocalBroadcastBus({ path, ...FAST }));
    const frames = Promise.withResolvers<Uint8Array>();
    await bus.subscribe(frames.resolve);
    await server.publish(Buffer.from("hello"));
    expect(Buffer.from(await frames.promise).toString()).toBe("hello");
    await bus.close();
  });

  test("after close the server takes no frames", async () => {
    server = new LocalBusServer({ path });
    await server.close();
    expect(await rejectionOf(server.publish(new Uint8Array(1)))).toMatchObject({ code: "bus_closed" });
  });

  test("a shard that starts before its supervisor connects when that is there", async () => {
    const bus = new LocalBroadcastBus({ path, ...FAST });
    expect(bus.state).toBe("connecting");
    const subscribing = bus.subscribe(() => {});
    server = new LocalBusServer({ path });
    await subscribing;
    expect(bus.state).toBe("connected");
    await bus.close();
  });

  test.each([
    ["an unknown type", localHeader(99, 0)],
    ["a length beyond every frame", localHeader(LOCAL_MESSAGE.publish, 0xffff_ffff)],
  ])("a connection that sends %s is ended, and the server goes on", async (_name, bytes) => {
    server = new LocalBusServer({ path });
    const closed = Promise.withResolvers<void>();
    const socket = await Bun.connect({
      unix: path,
      socket: { data: () => {}, close: () => closed.resolve() },
    });
    socket.write(bytes);
    await closed.promise;
    expect(server.stats).toMatchObject({ malformed: 1, shards: 0 });
    const bus = await connected(new LocalBroadcastBus({ path, ...FAST }));
    await bus.publish(new Uint8Array(1));
    await bus.close();
  });
});

async function startServer(path: string): Promise<Bun.Subprocess<"pipe", "pipe", "inherit">> {
  const server = Bun.spawn([process.execPath, join(import.meta.dir, "local.fixture.ts"), path], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await server.stdout.getReader().read();
  if (value === undefined) throw new Error("the bus's server did not start");
  return server;
}
