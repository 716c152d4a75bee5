// The clients of `npm run bench -- peers` understand each real peer: what they count is what was published.
import { describe, expect, test } from "bun:test";
import { centrifugoProgram } from "../bench/peers/centrifugo.ts";
import { Clients } from "../bench/peers/clients.ts";
import { PEERS } from "../bench/peers/list.ts";
import { nowUs, PAYLOAD_BYTES, payload, readPayloads } from "../bench/peers/payload.ts";
import type { Wire } from "../bench/peers/peer.ts";
import { peersTable, withTable } from "../bench/peers/table.ts";
import { loopbackAddresses } from "../packages/loadtest/sourcePorts.ts";
import { redisAvailable, startRedis } from "./services/redis.ts";
import { until } from "./services/until.ts";

const CLIENTS = 6;
const BATCHES = [1, 4, 5];
/** Of their own, as in the bench. */
const ADDRESSES = process.platform === "linux" ? loopbackAddresses(Math.random)(0) : [];

function isHere(name: string): boolean {
  // It comes from no package of Debian, so that no run of tests may ask for it.
  if (name !== "Centrifugo") return PEERS.find((peer) => peer.name === name)?.missing() === undefined;
  if (centrifugoProgram() !== undefined) return true;
  console.error("\n*** SKIPPED: there is no Centrifugo; `npm run bench -- peers` builds it with Go. ***\n");
  return false;
}

test("a ping that comes in one frame with messages is answered, and the messages are counted", async () => {
  const heard = Promise.withResolvers<string>();
  const messages = [payload(0, nowUs()), "{}", payload(1, nowUs())].join("\n");
  using server = Bun.serve({
    port: 0,
    fetch: (request, self) => (self.upgrade(request) ? undefined : new Response(null, { status: 400 })),
    websocket: {
      open: (socket) => void socket.send(messages),
      message: (_, text) => heard.resolve(text.toString()),
    },
  });
  const wire = PEERS.find(({ name }) => name === "Centrifugo")?.wire;
  if (wire === undefined) throw new Error("there is no such peer");
  const clients = new Clients({ ...wire, greet: [] }, [server.port ?? 0], 1, []);
  try {
    expect(await heard.promise).toBe("{}");
    expect(clients.take()).toMatchObject({ deliveries: 2, late: 0, closed: 0 });
  } finally {
    clients.end();
  }
});

test.skipIf(process.platform !== "linux")(
  "clients connect from addresses of their own, whose ports they choose, and leave none to the kernel",
  async () => {
    const from = new Set<string>();
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: (request, self) => {
        from.add(self.requestIP(request)?.address ?? "");
        return self.upgrade(request) ? undefined : new Response(null, { status: 400 });
      },
      websocket: { message: () => undefined },
    });
    const wire: Wire = { path: "/", greet: [], subscribed: undefined, answer: () => undefined };
    const clients = new Clients(wire, [server.port ?? 0], 8, ADDRESSES);
    try {
      await clients.ready;
      expect(from.size).toBeGreaterThan(1);
      expect([...from].filter((address) => !ADDRESSES.includes(address))).toEqual([]);
    } finally {
      clients.end();
    }
  },
);

for (const peer of PEERS) {
  describe.skipIf(!isHere(peer.name))(peer.name, () => {
    for (const instances of [1, 2]) {
      test.skipIf(instances > 1 && !redisAvailable())(
        `every client gets every message once and in order from ${instances === 1 ? "one instance" : "two over Redis"}`,
        async () => {
          const redis = instances > 1 ? await startRedis() : undefined;
          const running = await peer.start({ instances, redis, clients: CLIENTS });
          const clients = new Clients(peer.wire, running.ports, CLIENTS, ADDRESSES);
          try {
            await clients.ready;
            // A handshake is answered before a subscription has reached Redis, so the first may be missed.
            let n = 0;
            await until(async () => {
              await running.publish([payload(n++, nowUs())]);
              return clients.heard >= 0;
            });
            await until(() => clients.heard === n - 1);
            clients.take();
            for (const size of BATCHES) {
              await running.publish(Array.from({ length: size }, () => payload(n++, nowUs())));
            }
            await until(() => clients.heard === n - 1);
            const { deliveries, late, closed, frameBytes } = clients.take();
            const due = CLIENTS * BATCHES.reduce((sum, size) => sum + size, 0);
            expect({ deliveries, late, closed }).toEqual({ deliveries: due, late: 0, closed: 0 });
            expect(frameBytes).toBeGreaterThanOrEqual(due * PAYLOAD_BYTES);
            expect(running.pids.length).toBeGreaterThanOrEqual(instances);
          } finally {
            clients.end();
            await running.stop();
            await redis?.stop();
          }
        },
      );
    }
  });
}

test("payloads are as long as said, and found however they are wrapped and joined", () => {
  const texts = [payload(0, 1_764_061_200_000_000), payload(99_999, 1_764_061_200_000_001)];
  expect(texts.map((text) => text.length)).toEqual([PAYLOAD_BYTES, PAYLOAD_BYTES]);
  const bytes = Buffer.from(`{"push":${texts[0]}}\n42["message",${texts[1]}]`);
  const found: number[][] = [];
  expect(readPayloads(bytes, 0, bytes.length, (...message) => found.push(message))).toBe(2);
  expect(found).toEqual([
    [0, 1_764_061_200_000_000],
    [99_999, 1_764_061_200_000_001],
  ]);
  expect(readPayloads(bytes, 0, 100, () => {})).toBe(0);
});

test("a table replaces what was between the markers, and names what was not measured", async () => {
  const page = await Bun.file(new URL("../docs/benchmarks.md", import.meta.url).pathname).text();
  const load = { clients: 10, rate: 1, seconds: 1, batch: 1 };
  const table = peersTable({
    load,
    figures: [],
    missing: [["Nchan", "no nginx"]],
    versions: ["Bun 1"],
    run: { date: "2026-01-02", commit: "abc1234" },
    loadAverages: [0, 0],
  });
  expect(table).toContain("| Nchan | | not measured: no nginx |");
  expect(table).toStartWith("Run of 2026-01-02, commit abc1234: ");
  const changed = withTable(page, table);
  expect(withTable(changed, table)).toBe(changed);
  expect(() => withTable("# A page", table)).toThrow("the page has no lines");
});
