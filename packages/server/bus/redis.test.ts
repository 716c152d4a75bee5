import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificates, type TestCertificates } from "../../../test/services/certificates.ts";
import { askRedis, redisAvailable, startRedis } from "../../../test/services/redis.ts";
import { connected } from "./busState.fixture.ts";
import { busConformance } from "./conformance.ts";
import { ProbedBus } from "./probed.ts";
import { CHANNEL, faultOf, oneServer, redisBus, untilDelivered } from "./redis.fixture.ts";

/** What docs/bus.md says is enough. */
const ACL = [
  "user default off",
  `user shardcast on >geheim resetchannels &${CHANNEL} -@all +publish +subscribe`,
  `user listener on >geheim resetchannels &${CHANNEL} -@all +subscribe`,
];

describe.skipIf(!redisAvailable())("a real Redis", () => {
  busConformance("redis", () => oneServer({}, ({ url }) => ({ url })));

  busConformance("redis with a user who may do no more than needed", () =>
    oneServer({ config: ACL }, ({ port }) => ({ url: `redis://shardcast:geheim@127.0.0.1:${port}` })),
  );

  busConformance("redis with TLS and an authority of its own", () =>
    oneServer({ certificates: certificates(), config: ["requirepass geheim"] }, ({ tlsPort }) => ({
      url: `rediss://127.0.0.1:${tlsPort}`,
      ca: certificates().ca,
      password: "geheim",
    })),
  );

  test("without the authority of its certificate the server is not trusted", async () => {
    const redis = await startRedis({ certificates: certificates() });
    const bus = redisBus({ url: `rediss://127.0.0.1:${redis.tlsPort}` });
    await faultOf(bus, /certificate/i);
    expect(bus.state).toBe("connecting");
    await bus.close();
    await redis.stop();
  });

  test("a certificate without the server's address will do only where any name is allowed", async () => {
    const { ca, nameless } = certificates();
    const redis = await startRedis({ certificates: { ca, server: nameless } });
    const url = `rediss://127.0.0.1:${redis.tlsPort}`;
    const strict = redisBus({ url, ca });
    await faultOf(strict, /altnames|ALTNAME/);
    expect(strict.state).toBe("connecting");
    const bus = await connected(redisBus({ url, ca, tlsAnyName: true }));
    await untilDelivered(bus, bus);
    const stranger = redisBus({ url, ca: nameless.cert, tlsAnyName: true });
    await faultOf(stranger, /certificate|signature|issuer/i);
    for (const one of [strict, bus, stranger]) await one.close();
    await redis.stop();
  });

  test.each([
    ["a wrong password", "redis://shardcast:wrong@", "test.frames", /WRONGPASS/],
    ["a user who may not publish", "redis://listener:geheim@", "test.frames", /NOPERM/],
    ["no login", "redis://", "test.frames", /NOAUTH|NOPERM/],
    ["a channel that the user may not use", "redis://shardcast:geheim@", "others.frames", /NOPERM/],
  ])("with %s it stays unconnected, says why, and goes on trying", async (_, login, channel, why) => {
    const redis = await startRedis({ config: ACL });
    const bus = redisBus({ url: `${login}127.0.0.1:${redis.port}`, channel });
    const fault = await faultOf(bus, why);
    expect(fault).not.toMatch(/geheim|wrong@/);
    expect(bus.state).toBe("connecting");
    await bus.close();
    await redis.stop();
  });

  test("why it is not connected is told once, and again after it was connected", async () => {
    const redis = await startRedis();
    await redis.kill();
    const told: string[] = [];
    const bus = redisBus({ url: redis.url, onProblem: (problem) => told.push(problem) });
    await faultOf(bus, /ECONNREFUSED|closed|connect/i);
    await redis.restart();
    await connected(bus);
    expect(new Set(told).size).toBe(told.length);
    const before = told.length;
    expect(before).toBeGreaterThan(0);
    await redis.kill();
    while (told.length === before) await Bun.sleep(5);
    await bus.close();
    await redis.stop();
  });

  test("what is published in one turn of the event loop goes out in one write", async () => {
    const redis = await startRedis();
    const bus = await connected(redisBus({ url: redis.url }));
    const reads = async () =>
      Number(/total_reads_processed:(\d+)/.exec((await askRedis(redis.port, "INFO")) ?? "")?.[1]);
    const before = await reads();
    await Promise.all(Array.from({ length: 100 }, () => bus.publish(Buffer.alloc(100))));
    // Redis reads 16 KiB at a time, and the questions are reads too.
    expect((await reads()) - before).toBeLessThan(8);
    await bus.close();
    await redis.stop();
  });

  test("a subscriber that Redis has cut off for being behind comes back", async () => {
    const redis = await startRedis({ config: ["client-output-buffer-limit pubsub 1mb 0 0"] });
    const [bus, other] = [
      await connected(redisBus({ url: redis.url })),
      await connected(redisBus({ url: redis.url })),
    ];
    const lost = Promise.withResolvers<void>();
    bus.onState((state) => state === "disconnected" && lost.resolve());
    while (bus.state === "connected") {
      await Promise.allSettled([
        other.publish(Buffer.alloc(4_000_000)),
        bus.publish(Buffer.alloc(4_000_000)),
      ]);
    }
    await lost.promise;
    await connected(bus);
    await untilDelivered(other, bus);
    await Promise.all([bus.close(), other.close()]);
    await redis.stop();
  });

  test("a server that hangs is noticed by heartbeats, and used again when it answers", async () => {
    const redis = await startRedis();
    const [inner, other] = [redisBus({ url: redis.url }), redisBus({ url: redis.url })];
    const bus = new ProbedBus({ bus: inner });
    await bus.subscribe(() => {});
    await untilDelivered(other, bus);
    redis.signal("SIGSTOP");
    while (inner.state === "connected") await Bun.sleep(20);
    const refusal = await bus.publish(new Uint8Array(1)).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "bus_unavailable" });
    redis.signal("SIGCONT");
    await untilDelivered(other, bus);
    await untilDelivered(bus, bus);
    await Promise.all([bus.close(), other.close()]);
    await redis.stop();
  }, 30_000);

  test("closed while its server hangs, it leaves nothing that keeps a process alive", async () => {
    const redis = await startRedis();
    const script = `
      import { RedisBroadcastBus } from ${JSON.stringify(join(import.meta.dir, "redis.ts"))};
      const open = () => new RedisBroadcastBus({ url: "${redis.url}", channel: "c", connectTimeoutMs: 3_600_000 });
      const bus = open();
      await bus.subscribe(() => {});
      process.stdout.write("connected\\n");
      for await (const _ of process.stdin) break;
      // The server hangs by now: one bus has frames under way, one is still connecting.
      const underWay = bus.publish(new Uint8Array(4_000_000)).catch((error) => error.code);
      const another = open();
      setTimeout(async () => {
        await Promise.all([bus.close(), another.close()]);
        process.stdout.write((await underWay) + " " + another.state + "\\n");
        process.stdin.destroy();
      }, 100);
    `;
    const child = Bun.spawn([process.execPath, "-e", script], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    const output = child.stdout.getReader();
    expect(new TextDecoder().decode((await output.read()).value)).toBe("connected\n");
    redis.signal("SIGSTOP");
    child.stdin.write("hangs\n");
    await child.stdin.end();
    expect(new TextDecoder().decode((await output.read()).value)).toBe("bus_closed closed\n");
    // Its timers would keep it alive for an hour.
    expect(await child.exited).toBe(0);
    await redis.stop();
  });
});

let made: TestCertificates | undefined;

/** Made once, for keys take time. */
function certificates(): TestCertificates {
  if (made === undefined) {
    const directory = mkdtempSync(join(tmpdir(), "shardcast-certificates-"));
    made = makeCertificates(directory);
    rmSync(directory, { recursive: true });
  }
  return made;
}
