import { describe, expect, test } from "bun:test";
import type { Socket } from "bun";
import { natsAvailable, startNats, startNatsCluster, type TestNats } from "../../../test/services/nats.ts";
import { connected, stateOf } from "./busState.fixture.ts";
import { natsBus, SUBJECT, tlsServer } from "./nats.fixture.ts";
import type { NatsBroadcastBus } from "./nats.ts";

describe.skipIf(!natsAvailable())("a bus on NATS whose server fails", () => {
  test("a node of a cluster is killed: its buses go on through the others", async () => {
    const nodes = await startNatsCluster(3);
    const url = `nats://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
    const bus = natsBus({ url });
    await connected(bus);
    const node = nodeOf(nodes, bus);
    const other = natsBus({ url: nodes.find((one) => one !== node)?.url ?? "" });
    await connected(other);
    const [inbox, otherInbox] = [await Inbox.of(bus), await Inbox.of(other)];
    await deliver(other, inbox, "to the node that dies");
    await deliver(bus, otherInbox, "from the node that dies");
    const lost = stateOf(bus, (state) => state === "disconnected");
    await node.kill();
    await lost;
    await connected(bus);
    expect(bus.server).not.toBe(`127.0.0.1:${node.port}`);
    await deliver(other, inbox, "to where it is now");
    await deliver(bus, otherInbox, "from where it is now");
    await end([bus, other], nodes);
  });

  test("told to connect anew while its server hangs, it goes to another one at once", async () => {
    const nodes = await startNatsCluster(2);
    const bus = natsBus({ url: `nats://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}` });
    await connected(bus);
    const node = nodeOf(nodes, bus);
    const resume = await node.hang();
    const publishing = bus.publish(Buffer.alloc(1_000_000)).catch((error: unknown) => error);
    bus.reconnect("nothing comes");
    expect(bus.state).toBe("disconnected");
    expect(await publishing).toMatchObject({ code: "bus_unavailable" });
    await connected(bus);
    expect(bus.server).not.toBe(`127.0.0.1:${node.port}`);
    resume();
    await end([bus], nodes);
  });

  test("it starts before its server, and connects when that is there", async () => {
    const nats = await startNats();
    await nats.kill();
    const refused = Promise.withResolvers<string>();
    const bus = natsBus({ url: nats.url, onProblem: refused.resolve });
    expect(await refused.promise).toContain("refused");
    const subscribing = Inbox.of(bus);
    expect(bus.state).toBe("connecting");
    await nats.restart();
    await deliver(bus, await subscribing, "hello");
    await end([bus], [nats]);
  });

  test("a server that lets connections hang costs one socket at a time, and none after close", async () => {
    const open = new Set<Socket>();
    let accepted = 0;
    const enough = Promise.withResolvers<void>();
    using mute = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => {
          open.add(socket);
          if (++accepted === 5) enough.resolve();
        },
        close: (socket) => void open.delete(socket),
        data: () => {},
      },
    });
    const bus = natsBus({ url: `nats://127.0.0.1:${mute.port}`, connectTimeoutMs: 20 });
    await enough.promise;
    expect(open.size).toBeLessThanOrEqual(2);
    await bus.close();
    while (open.size > 0) await Bun.sleep(1);
  });

  test("what is no NATS ends the connection, also after it began well", async () => {
    const sockets: Socket[] = [];
    using liar = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => {
          sockets.push(socket);
          socket.write('INFO {"version":"2.9.10","proto":1,"max_payload":1048576}\r\n');
        },
        data: (socket, bytes) => {
          if (bytes.toString().includes("PING")) socket.write("PONG\r\n");
        },
      },
    });
    const bus = natsBus({ url: `nats://127.0.0.1:${liar.port}` });
    await connected(bus);
    const lost = stateOf(bus, (state) => state === "disconnected");
    sockets.at(-1)?.write("HTTP/1.1 400 Bad Request\r\n\r\n");
    await lost;
    await connected(bus);
    await bus.close();
  });

  test.each(["answers", "hangs", "is not there"])(
    "a process whose bus is closed ends by itself: the server %s",
    async (how) => {
      const nats = await startNats();
      if (how === "is not there") await nats.kill();
      const script = `
      import { NatsBroadcastBus } from ${JSON.stringify(`${import.meta.dir}/nats.ts`)};
      const bus = new NatsBroadcastBus({ url: ${JSON.stringify(nats.url)}, subject: "x" });
      for await (const chunk of Bun.stdin.stream()) {
        if (String.fromCharCode(...chunk) === "publish") {
          while (bus.state !== "connected") await new Promise((resolve) => bus.onState(resolve));
          await bus.subscribe(() => {});
          await bus.publish(new Uint8Array(1));
          process.stdout.write("published");
          continue;
        }
        for (let i = 0; i < 10; i++) bus.publish(new Uint8Array(1_000_000)).catch(() => {});
        await bus.close();
        break;
      }
    `;
      const child = Bun.spawn([process.execPath, "-e", script], {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "inherit",
      });
      if (how !== "is not there") {
        child.stdin.write("publish");
        await child.stdin.flush();
        await child.stdout.getReader().read();
      }
      if (how === "hangs") await nats.hang();
      child.stdin.write("close");
      child.stdin.end();
      expect(await child.exited).toBe(0);
      await nats.stop();
    },
  );
});

describe.skipIf(!natsAvailable())("a bus on NATS that is refused something", () => {
  const users = (permissions: string) =>
    `authorization { users: [{ user: u, password: geheim, permissions: ${permissions} }] }`;

  test.each([
    ["a wrong password", users(`{ publish: ">", subscribe: ">" }`), "u:wrong-geheim@", /Authorization/i],
    ["no login", users(`{ publish: ">", subscribe: ">" }`), "", /Authorization/i],
    [
      "a user who may not publish",
      users(`{ publish: "other", subscribe: ">" }`),
      "u:geheim@",
      /Permissions Violation for Publish/,
    ],
    [
      "a user who may not subscribe",
      users(`{ publish: ">", subscribe: "other" }`),
      "u:geheim@",
      /Permissions Violation for Subscription/,
    ],
  ])("with %s it stays unconnected and says why", async (_, config, login, why) => {
    const nats = await startNats({ config });
    const told = Promise.withResolvers<string>();
    const bus = natsBus({ url: `nats://${login}127.0.0.1:${nats.port}`, onProblem: told.resolve });
    const subscribing = bus.subscribe(() => {}).catch((error: unknown) => error);
    const problem = await told.promise;
    expect(problem).toMatch(why);
    expect(problem).not.toContain("geheim");
    expect(bus.state).toBe("connecting");
    const refusal = await bus.publish(new Uint8Array(1)).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "bus_unavailable", message: expect.stringMatching(why) });
    await end([bus], [nats]);
    expect(await subscribing).toMatchObject({ code: "bus_closed" });
  });

  test("the permissions that docs/bus.md names are enough", async () => {
    const nats = await startNats({ config: users(`{ publish: "${SUBJECT}", subscribe: "${SUBJECT}" }`) });
    const bus = natsBus({ url: `nats://u:geheim@127.0.0.1:${nats.port}` });
    await deliver(bus, await Inbox.of(bus), "hello");
    await end([bus], [nats]);
  });

  test("a smaller max_payload is the limit, is told, and blocks nothing else", async () => {
    const nats = await startNats({ config: "max_payload: 10000" });
    const told = Promise.withResolvers<string>();
    const bus = natsBus({ url: nats.url, onProblem: told.resolve });
    expect(bus.maxFrameBytes).toBe(1024 * 1024);
    await connected(bus);
    expect(await told.promise).toContain("10000");
    expect(bus.maxFrameBytes).toBe(10_000);
    const refusal = await bus.publish(new Uint8Array(10_001)).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "frame_too_large" });
    await bus.publish(new Uint8Array(10_000));
    expect(bus.state).toBe("connected");
    await end([bus], [nats]);
  });

  test("a greater max_payload is not used: other servers of the cluster may take less", async () => {
    const nats = await startNats({ config: "max_payload: 4000000" });
    const bus = natsBus({ url: nats.url });
    await connected(bus);
    expect(bus.maxFrameBytes).toBe(1024 * 1024);
    await end([bus], [nats]);
  });

  test("buses of other subjects hear nothing", async () => {
    const nats = await startNats();
    const [bus, other] = [natsBus({ url: nats.url }), natsBus({ url: nats.url, subject: `${SUBJECT}.more` })];
    const [inbox, otherInbox] = [await Inbox.of(bus), await Inbox.of(other)];
    await other.publish(Buffer.from("stray"));
    await deliver(bus, inbox, "own");
    expect(inbox.frames).toEqual(["own"]);
    expect(otherInbox.frames).toEqual(["stray"]);
    await end([bus, other], [nats]);
  });

  test.each(["a b", "a.*", "a.>", "a..b", "a.", ""])("%j is no subject", (subject) => {
    expect(() => natsBus({ url: "nats://127.0.0.1:1", subject })).toThrow("no subject of NATS");
  });
});

describe.skipIf(!natsAvailable())("a bus on NATS with TLS", () => {
  test("a server's certificate of an unknown authority is not trusted", async () => {
    const nats = await startNats(tlsServer().server);
    expect(await problemOf({ url: `tls://127.0.0.1:${nats.port}` })).toMatch(/certificate/i);
    // Where the server demands it, also without asking for it.
    expect(await problemOf({ url: nats.url })).toMatch(/certificate/i);
    await nats.stop();
  });

  test("a certificate for another name is not trusted", async () => {
    const { server, ca } = tlsServer();
    const nats = await startNats({ ...server, host: "127.0.0.2" });
    expect(await problemOf({ url: `tls://127.0.0.2:${nats.port}`, ca })).toMatch(/certificate/i);
    await nats.stop();
  });

  test("a login never goes to a server without TLS where TLS is demanded", async () => {
    const nats = await startNats();
    expect(await problemOf({ url: `tls://u:geheim@127.0.0.1:${nats.port}` })).toMatch(/tls/i);
    expect(await problemOf({ url: nats.url, ca: tlsServer().ca })).toMatch(/tls/i);
    await nats.stop();
  });
});

/** Why a bus with these options does not connect. */
async function problemOf(options: Parameters<typeof natsBus>[0]): Promise<string> {
  const told = Promise.withResolvers<string>();
  const bus = natsBus({ ...options, onProblem: told.resolve });
  const problem = await told.promise;
  expect(bus.state).toBe("connecting");
  await bus.close();
  return problem;
}

class Inbox {
  readonly frames: string[] = [];

  static async of(bus: NatsBroadcastBus): Promise<Inbox> {
    const inbox = new Inbox();
    await bus.subscribe((frame) => void inbox.frames.push(Buffer.from(frame).toString()));
    return inbox;
  }
}

/** Again and again, because servers of a cluster tell one another of subscriptions a moment later. */
async function deliver(from: NatsBroadcastBus, to: Inbox, word: string): Promise<void> {
  while (!to.frames.includes(word)) {
    await from.publish(Buffer.from(word));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function nodeOf(nodes: readonly TestNats[], bus: NatsBroadcastBus): TestNats {
  const node = nodes.find(({ port }) => bus.server === `127.0.0.1:${port}`);
  if (node === undefined) throw new Error(`${bus.server} is none of the nodes`);
  return node;
}

async function end(buses: readonly NatsBroadcastBus[], servers: readonly TestNats[]): Promise<void> {
  await Promise.all(buses.map((bus) => bus.close()));
  await Promise.all(servers.map((server) => server.stop()));
}
