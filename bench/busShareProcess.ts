// One shard's half, as `bench/cluster.ts` measures it: a publisher that routes, encodes and publishes, or a receiver that
// decodes and assembles. With the bus `none` all of that is done as well, but nothing travels: the difference is the bus.
// A third half only hears: what a process pays to read frames off the bus, among them the echo of those it publishes itself.
import type { ReconnectableBus } from "@shardcast/server/bus/bus";
import { decodeFrame, encodeFrame } from "@shardcast/server/bus/frameCodec";
import { openBus } from "@shardcast/server/bus/open";
import type { Publication, SourceRecord } from "@shardcast/server/publication";
import { Publisher } from "@shardcast/server/source/publisher";
import { createRouter } from "@shardcast/server/source/route";
import { Assembler } from "@shardcast/server/stream/assemble";

const [role, url, rateText = "20000"] = process.argv.slice(2);
const RATE = Number(rateText);
/** As a source hands batches over when it is busy: a fetch each. */
const TURN_MS = 5;
const PER_FRAME = (RATE * TURN_MS) / 1000;
const PLAY_SECONDS = 20;
const STREAM = { id: "bench00", name: "bench/0" };
const VALUE = new TextEncoder().encode(
  JSON.stringify({ symbol: "BTC", price: 64170.5, filler: "x".repeat(220) }),
);
const KEY = new TextEncoder().encode("BTC");
const route = createRouter({ defaultTemplate: "{key}.{topic}", topicTemplates: {} });
const bus: ReconnectableBus | undefined =
  url === undefined || url === "none" ? undefined : openBus({ url, prefix: "bench" }, "", "frames");
let messages = 0;
let offset = 0;

function nextRecords(count: number): SourceRecord[] {
  return Array.from({ length: count }, () => ({
    ...{ topic: "bench", partition: 0, offset: offset++, timestampMs: Date.now(), key: KEY, value: VALUE },
    headers: [],
  }));
}

/** As many as are due every turn, whether or not a turn was late. */
function everyTurn(perSecond: number, send: (count: number) => void): void {
  const startedMs = performance.now();
  let sent = 0;
  setInterval(() => {
    const due = Math.floor(((performance.now() - startedMs) / 1000) * perSecond) - sent;
    sent += due;
    if (due > 0) send(due);
  }, TURN_MS);
}

function publish(): void {
  const silent = bus ?? { maxFrameBytes: 4 * 1024 * 1024, publish: () => Promise.resolve() };
  const publisher = new Publisher({ bus: silent, publisher: "bench", route, log: { warn: () => {} } });
  publisher.assigned(STREAM, 0);
  everyTurn(RATE, (count) => {
    const after = offset - 1;
    const records = nextRecords(count);
    void publisher.accept({ streamId: STREAM.id, after, through: offset - 1, records }).then(() => {
      messages += count;
    });
  });
}

function receive(): void {
  const assembler = new Assembler({
    log: { read: () => Promise.reject(new Error("the bench has no log")) },
    deliver: (_stream, publications) => {
      messages += publications.length;
    },
    gap: () => {},
    forget: () => {},
    discover: (id) => Promise.resolve({ id, name: STREAM.name, earliest: 0, next: 0 }),
    schedule: (delayMs, fn) => {
      const timer = setTimeout(fn, delayMs);
      return () => clearTimeout(timer);
    },
    now: () => performance.now(),
    random: Math.random,
  });
  let isOpen = false;
  const onBytes = (bytes: Uint8Array) => {
    const frame = decodeFrame(bytes);
    if (!isOpen && frame.kind === "range") {
      isOpen = true;
      void assembler.open(STREAM.id, frame.after + 1);
    }
    assembler.onFrame(frame);
  };
  if (bus !== undefined) void bus.subscribe(onBytes);
  else {
    // Made before anything is measured.
    const frames = madeFrames();
    everyTurn(RATE / PER_FRAME, (count) => {
      for (let left = count; left > 0; left--) {
        const frame = frames.next().value;
        if (frame !== undefined) onBytes(frame);
      }
    });
  }
}

/** What the publisher sends in so many seconds, frame by frame. */
function madeFrames(): Iterator<Uint8Array, undefined> {
  const frames: Uint8Array[] = [];
  for (let left = (RATE * PLAY_SECONDS) / PER_FRAME; left > 0; left--) {
    const after = offset - 1;
    const publications = nextRecords(PER_FRAME).map((record): Publication => {
      const routed = route(STREAM.id, record);
      if ("unroutable" in routed) throw new Error(routed.detail);
      return routed;
    });
    const through = offset - 1;
    const range = { after, through, publications, omitted: [] };
    frames.push(encodeFrame({ kind: "range", publisher: "bench", streamId: STREAM.id, ...range }));
  }
  return frames.values();
}

process.on("message", () => {
  process.send?.({ messages });
  messages = 0;
});
if (role === "publish") publish();
else if (role === "receive") receive();
// With nobody subscribed the bus' client still reads every frame.
process.send?.({ ready: true });
