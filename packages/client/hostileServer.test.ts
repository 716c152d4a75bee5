// A server that says anything: the client reports what it can not understand, goes on, and keeps nothing of it.
import { heapStats } from "bun:jsc";
import { afterEach, expect, test } from "bun:test";
import fc from "fast-check";
import { samples, textLike } from "../../test/hostile/fuzz.fixture.ts";
import { MARK, SERVER_MESSAGES } from "../../test/hostile/originals.fixture.ts";
import { Fixture } from "./clients.fixture.ts";
import type { Peer } from "./server.fixture.ts";

const fixture = new Fixture();
afterEach(() => fixture.end());

const TEST_MS = 30_000;
const GROWTH_BYTES_MAX = 8 << 20;
/** Sent in one go. */
const BATCH = 25;

test(
  "whatever a server says, the client goes on, tells what was malformed, and delivers what is right after it",
  async () => {
    const server = fixture.server();
    const codes = new Set<string>();
    const client = fixture.client(server.url, { onError: ({ code }) => codes.add(code) });
    client.subscribe("a", () => {});
    let peer: Peer | undefined;
    const serve = async (next: Peer): Promise<never> => {
      for (;;) next.accept(await next.subscribes.next(), MARK);
    };
    void (async () => {
      for (;;) {
        peer = await server.connections.next();
        void serve(peer);
      }
    })();
    let told = 0;
    /** By a subscription of its own, because what a server may say can end any. */
    const expectServed = async () => {
      for (let isHeard = false; !isHeard; ) {
        const name = `last.${told}`;
        let isFailed = false;
        const subscription = client.subscribe(name, () => {
          isHeard = true;
        });
        subscription.ready.catch(() => {
          isFailed = true;
        });
        while (!isHeard && !isFailed) {
          peer?.message(name, `k3f9abc:${1_000_000 + told++}`);
          await new Promise((resolve) => setImmediate(resolve));
        }
        subscription.unsubscribe();
      }
    };
    const until = async (holds: () => boolean) => {
      while (!holds()) await new Promise((resolve) => setImmediate(resolve));
    };
    const play = async (runs: number) => {
      const texts = samples(textLike(SERVER_MESSAGES), runs);
      const bytes = samples(fc.uint8Array({ maxLength: 50 }), runs / 10);
      for (let i = 0; i < texts.length; i += BATCH) {
        await until(() => client.status === "connected" && peer !== undefined);
        for (const text of texts.slice(i, i + BATCH)) peer?.sendText(text);
        const binary = bytes[i / BATCH];
        if (binary !== undefined) peer?.sendBytes(new Uint8Array(binary));
        await expectServed();
      }
    };
    await play(500);
    const before = heapBytes();
    await play(3000);
    expect(heapBytes() - before).toBeLessThan(GROWTH_BYTES_MAX);
    expect(codes).toContain("malformed");
  },
  TEST_MS,
);

/** Of what is in use: client and server are one process here, and its RSS is the allocator's affair. */
function heapBytes(): number {
  Bun.gc(true);
  return heapStats().heapSize;
}
