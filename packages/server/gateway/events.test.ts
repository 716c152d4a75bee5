// Event streams over real HTTP, read by the npm package `eventsource`, by a bare reader, and by what is in between.
import { expect, test } from "bun:test";
import { parseMark } from "@shardcast/protocol/mark";
import { EventSource } from "eventsource";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { gatewayFixture } from "./gateway.fixture.ts";
import { RawSocket } from "./rawSocket.fixture.ts";
import { kernelSendQueues } from "./sendQueue.fixture.ts";

const closedLater = closedAfterEach();

interface StreamEvent {
  readonly type: string;
  readonly id: string;
  readonly data: { readonly cursor?: string; readonly [field: string]: unknown };
}

function fixtureOf(...options: Parameters<typeof gatewayFixture>) {
  const fixture = closedLater(gatewayFixture(...options));
  const http = fixture.url.replace("ws:", "http:").replace("/ws", "");
  return { ...fixture, http };
}

/** The raw events of one response, for as long as it is read. */
class Reader {
  readonly events: StreamEvent[] = [];
  readonly retries: number[] = [];
  readonly response: Response;
  hasEnded = false;
  /** As a browser keeps it. */
  lastId = "";
  readonly #abort: AbortController;
  #text = "";
  #wake: () => void = () => {};

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    void this.#read();
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<Reader> {
    const abort = new AbortController();
    const response = await fetch(url, {
      headers: { accept: "text/event-stream", ...headers },
      signal: abort.signal,
    });
    return closedLater(new Reader(response, abort));
  }

  get offsets(): number[] {
    return this.events
      .filter(({ type }) => type === "message")
      .map(({ data }) => Number(data.cursor?.split(":")[1]));
  }

  async until(holds: (reader: Reader) => boolean): Promise<void> {
    while (!holds(this)) {
      if (this.hasEnded) throw new Error(`ended before that, after ${JSON.stringify(this.events)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async subscribed(): Promise<StreamEvent> {
    const found = () => this.events.find(({ type }) => type === "subscribed");
    await this.until(() => found() !== undefined);
    return found() as StreamEvent;
  }

  close(): void {
    this.#abort.abort();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of this.response.body ?? []) {
        this.#text += decoder.decode(chunk, { stream: true });
        const blocks = this.#text.split("\n\n");
        this.#text = blocks.pop() ?? "";
        for (const block of blocks) this.#take(block);
        this.#wake();
      }
    } catch {
      // Aborted, or cut off.
    }
    this.hasEnded = true;
    this.#wake();
  }

  #take(block: string): void {
    const fields = new Map(block.split("\n").map((line) => line.split(/: (.*)/s) as [string, string]));
    const retry = fields.get("retry");
    if (retry !== undefined) this.retries.push(Number(retry));
    this.lastId = fields.get("id") ?? this.lastId;
    const data = fields.get("data");
    if (data === undefined) return;
    this.events.push({ type: fields.get("event") ?? "message", id: this.lastId, data: JSON.parse(data) });
  }
}

test("messages of channels and patterns come in order, each once, behind a welcome and the answer to the subscription", async () => {
  const fixture = fixtureOf();
  const reader = await Reader.open(`${fixture.http}/sse?channels=a.*,b`);
  expect(reader.response.headers.get("content-type")).toBe("text/event-stream");
  await reader.subscribed();
  for (const channel of ["a.x", "c", "b", "a.y", "b"]) fixture.publish(channel, { of: channel });
  await reader.until(({ offsets }) => offsets.length === 4);
  expect(reader.offsets).toEqual([0, 2, 3, 4]);
  expect(reader.events.map(({ type }) => type).slice(0, 3)).toEqual(["welcome", "subscribed", "message"]);
  expect(reader.events.at(-1)?.data).toMatchObject({ channel: "b", data: { of: "b" } });
});

test("a payload with line breaks between its tokens is one event", async () => {
  const fixture = fixtureOf();
  const reader = await Reader.open(`${fixture.http}/sse?channels=a`);
  await reader.subscribed();
  const head = '{"type":"message","channel":"a","cursor":"stream0:0","ts":1,"data":';
  const envelope = new TextEncoder().encode(`${head}{\r\n  "text": "x\\ny",\n\r  "n": 1\r}}`);
  fixture.hub.deliver("stream0", [{ offset: 0, timestampMs: 1, channel: "a", envelope }], 0);
  await reader.until(({ offsets }) => offsets.length === 1);
  expect(reader.events.at(-1)?.data["data"]).toEqual({ text: "x\ny", n: 1 });
});

test("from every event that a client may have seen last it gets the rest, each once", async () => {
  const fixture = fixtureOf();
  const first = await Reader.open(`${fixture.http}/sse?channels=a,b`);
  const { id } = await first.subscribed();
  const ids = [id];
  for (let n = 0; n < 8; n++) {
    fixture.publish(n % 2 === 0 ? "a" : "b", n);
    await first.until(({ offsets }) => offsets.length === n + 1);
    ids.push(first.lastId);
  }
  first.close();
  for (const [seen, lastId] of ids.entries()) {
    const again = await Reader.open(`${fixture.http}/sse?channels=a,b`, { "last-event-id": lastId });
    const { data } = await again.subscribed();
    expect(again.offsets).toEqual([0, 1, 2, 3, 4, 5, 6, 7].slice(seen));
    expect(data).toMatchObject({ channels: [{ channel: "a", recovered: true }, { recovered: true }] });
    again.close();
  }
});

test("cut off in the middle of a resume, the next one goes on from there", async () => {
  const fixture = fixtureOf({ history: { messagesMax: 3 } });
  const first = await Reader.open(`${fixture.http}/sse?channels=a`);
  const { id } = await first.subscribed();
  first.close();
  for (let n = 0; n < 10; n++) fixture.publish("a", n);
  const second = await Reader.open(`${fixture.http}/sse?channels=a`, { "last-event-id": id });
  await second.subscribed();
  const replayed = second.events.filter(({ type }) => type === "message");
  expect(second.offsets).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const third = await Reader.open(`${fixture.http}/sse?channels=a`, {
    "last-event-id": replayed[3]?.id ?? "",
  });
  await third.subscribed();
  expect(third.offsets).toEqual([4, 5, 6, 7, 8, 9]);
});

test("a quiet client's position moves on, so that its resume reads only what it has missed", async () => {
  const fixture = fixtureOf({ gateway: { pingIntervalMs: 20 }, history: { messagesMax: 1 } });
  const first = await Reader.open(`${fixture.http}/sse?channels=quiet`);
  const { id } = await first.subscribed();
  for (let n = 0; n < 50; n++) fixture.publish("busy", n);
  await first.until(({ lastId }) => lastId !== id);
  const known = first.lastId;
  first.close();
  fixture.publish("quiet", "new");
  const again = await Reader.open(`${fixture.http}/sse?channels=quiet`, { "last-event-id": known });
  await again.subscribed();
  expect(again.offsets).toEqual([50]);
});

test("a position that would not fit into a header is not told, and its client learns that it has not recovered", async () => {
  const fixture = fixtureOf();
  for (let n = 0; n < 1000; n++) fixture.hub.open(`s${n.toString(36).padStart(6, "0")}`, n * 1_000_000);
  const reader = await Reader.open(`${fixture.http}/sse?channels=a`);
  const { id, data } = await reader.subscribed();
  expect(String(data["mark"]).length).toBeGreaterThan(6 * 1024);
  expect(id).toBe("m~");
  fixture.publish("a", 1);
  await reader.until(({ offsets }) => offsets.length === 1);
  expect(reader.lastId).toBe("m~");
  const again = await Reader.open(`${fixture.http}/sse?channels=a`, { "last-event-id": reader.lastId });
  expect((await again.subscribed()).data).toMatchObject({ channels: [{ recovered: false }] });
});

test("a client that sends a very long position does not get it back with every message of its resume", async () => {
  const fixture = fixtureOf();
  for (let n = 0; n < 50; n++) fixture.publish("a", n);
  const long = Array.from({ length: 800 }, () => "stream0:0").join(",");
  const reader = await Reader.open(`${fixture.http}/sse?channels=a`, { "last-event-id": long });
  await reader.subscribed();
  expect(reader.offsets).toEqual(Array.from({ length: 49 }, (_, n) => n + 1));
  for (const { type, id } of reader.events) if (type === "message") expect(id).toBe("m~");
});

test.each([
  ["as a browser sends it", "", { "last-event-id": "nonsense" }],
  ["as an address has it", "&since=nonsense", {}],
] as const)(
  "a position that nobody can read, %s, ends nothing: what is wrong is told, and it has not recovered",
  async (...at) => {
    const [, query, headers] = at;
    const fixture = fixtureOf();
    fixture.publish("a", 1);
    const reader = await Reader.open(`${fixture.http}/sse?channels=a${query}`, headers);
    const { data, id } = await reader.subscribed();
    expect(data).toMatchObject({ channels: [{ channel: "a", recovered: false }] });
    const told = reader.events.slice(0, 2).map((event) => [event.type, event.data["code"]]);
    expect(told).toEqual([
      ["welcome", undefined],
      ["refused", "since_invalid"],
    ]);
    expect(reader.events[1]?.data["message"]).toContain('"nonsense"');
    // What it comes back with is a position again.
    expect(parseMark(id)).toBeDefined();
    await reader.until(({ offsets }) => offsets.length === 1);
    expect(reader.events.at(-1)?.data).toMatchObject({ snapshot: true, data: 1 });
  },
);

test("a gap is told as an event of its own", async () => {
  const fixture = fixtureOf();
  const reader = await Reader.open(`${fixture.http}/sse?channels=a`);
  await reader.subscribed();
  fixture.hub.gap("stream0", -1, 4, "retention");
  await reader.until(({ events }) => events.at(-1)?.type === "gap");
  expect(reader.events.at(-1)?.data).toMatchObject({ channel: "a", reason: "retention" });
});

test("a request that can never hold gets a status and says what to change", async () => {
  const fixture = fixtureOf({ allowedOrigins: ["https://good.example"] });
  const codeOf = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${fixture.http}${path}`, init);
    return [response.status, ((await response.json()) as { error: { code: string } }).error.code];
  };
  expect(await codeOf("/sse")).toEqual([400, "bad_request"]);
  expect(await codeOf("/sse?channels=,")).toEqual([400, "bad_request"]);
  expect(await codeOf("/sse?channels=a&snapshot=perhaps")).toEqual([400, "bad_request"]);
  const many = Array.from({ length: 101 }, (_, n) => `c${n}`).join(",");
  expect(await codeOf(`/sse?channels=${many}`)).toEqual([400, "bad_request"]);
  expect(await codeOf("/sse?channels=a", { method: "POST" })).toEqual([405, "method_not_allowed"]);
  const evil = { origin: "https://evil.example" };
  expect(await codeOf("/sse?channels=a", { headers: evil })).toEqual([403, "origin_forbidden"]);
});

test("where waiting helps, an EventSource is told when to come back, and everybody else gets the status", async () => {
  const fixture = fixtureOf({ permits: 1 });
  const one = await Reader.open(`${fixture.http}/sse?channels=a`);
  await one.subscribed();
  expect(fixture.gateway.connections).toBe(1);
  const plain = await fetch(`${fixture.http}/sse?channels=a`);
  expect([plain.status, plain.headers.has("retry-after")]).toEqual([503, true]);
  const refused = await Reader.open(`${fixture.http}/sse?channels=a`);
  await refused.until(({ hasEnded, events }) => hasEnded || events.length > 0);
  expect(refused.response.status).toBe(200);
  expect(refused.events[0]).toMatchObject({ type: "refused", data: { error: { code: "instance_full" } } });
  expect(refused.retries[0]).toBeGreaterThanOrEqual(2000);
});

test("an allowed page elsewhere may read the stream, and ask whether it may send a token", async () => {
  const fixture = fixtureOf({ allowedOrigins: ["https://good.example"] });
  const headers = { origin: "https://good.example" };
  const reader = await Reader.open(`${fixture.http}/sse?channels=a`, headers);
  expect(reader.response.headers.get("access-control-allow-origin")).toBe("https://good.example");
  const preflight = (origin: string) =>
    fetch(`${fixture.http}/sse?channels=a`, { method: "OPTIONS", headers: { origin } });
  const allowed = await preflight("https://good.example");
  expect(allowed.status).toBe(204);
  expect(allowed.headers.get("access-control-allow-headers")).toContain("Authorization");
  expect((await preflight("https://evil.example")).status).toBe(403);
});

test("a client that goes away is forgotten with all that it listened to", async () => {
  const fixture = fixtureOf();
  const reader = await Reader.open(`${fixture.http}/sse?channels=a,b.*`);
  await reader.subscribed();
  expect(fixture.hub.topics.size).toBe(2);
  reader.close();
  while (fixture.gateway.connections > 0) await new Promise((resolve) => setImmediate(resolve));
  expect(fixture.hub.topics.size).toBe(0);
  expect(fixture.gateway.closes).toEqual({ "1006": 1 });
});

test("a client that takes nothing is cut off at its budget, and comes back to what it has missed", async () => {
  const fixture = fixtureOf({
    gateway: { backpressureBytes: 256 * 1024 },
    replay: { bytesMax: 1 << 28 },
    history: { bytesMax: 1 << 28 },
  });
  const stalled = await Bun.connect({
    hostname: "127.0.0.1",
    port: fixture.gateway.port,
    socket: { data: (socket) => void socket.pause() },
  });
  closedLater({ close: () => stalled.terminate() });
  stalled.write("GET /sse?channels=a HTTP/1.1\r\nHost: test\r\n\r\n");
  const healthy = await Reader.open(`${fixture.http}/sse?channels=a`);
  await healthy.subscribed();
  while (fixture.gateway.connections < 2) await new Promise((resolve) => setImmediate(resolve));
  const text = "x".repeat(16 * 1024);
  let sent = 0;
  while (fixture.gateway.connections === 2) {
    if (sent > 4000) throw new Error("64 MB did not do it");
    fixture.publish("a", text);
    sent += 1;
    if (sent % 8 === 0) await healthy.until(({ offsets }) => offsets.length === sent);
  }
  expect(fixture.gateway.slow.cutOff).toBe(1);
  expect(fixture.gateway.slow.now.clients).toBe(0);
  await healthy.until(({ offsets }) => offsets.length === sent);
  expect(healthy.hasEnded).toBe(false);
}, 30_000);

for (const end of ["cut off", "closed"]) {
  test.skipIf(process.platform !== "linux")(
    `a client that takes nothing of a stream that was ${end} does not keep its connection`,
    async () => {
      const { gateway, publish } = fixtureOf();
      const stalled = closedLater(await RawSocket.open(gateway.port));
      stalled.write("GET /sse?channels=a HTTP/1.1\r\nHost: test\r\n\r\n");
      await stalled.until("event: subscribed");
      stalled.stopReading();
      const text = "x".repeat(16 * 1024);
      while (gateway.events.size > 0) {
        publish("a", text);
        await new Promise((resolve) => setImmediate(resolve));
        for (const { socket } of gateway.events.connections()) {
          const unsentBytes = socket?.getBufferedAmount() ?? 0;
          if (end === "closed" && unsentBytes > 8 * text.length) socket?.close(4401, "");
        }
      }
      expect(gateway.connections).toBe(0);
      expect(kernelSendQueues(gateway.port)).toHaveLength(1);
      while (kernelSendQueues(gateway.port).length > 0)
        await new Promise((resolve) => setTimeout(resolve, 100));
    },
    60_000,
  );
}

test("a stream that is asked to go elsewhere goes on until its slot, and ends then", async () => {
  const fixture = fixtureOf();
  const reader = await Reader.open(`${fixture.http}/sse?channels=a`);
  await reader.subscribed();
  expect(fixture.gateway.depart({ reason: "draining", perSecond: 5 })).toBe(1);
  await reader.until(({ events }) => events.at(-1)?.type === "reconnect");
  fixture.publish("a", "still here");
  await reader.until(({ offsets }) => offsets.length === 1);
  while (!reader.hasEnded) await new Promise((resolve) => setImmediate(resolve));
  expect(reader.retries.at(-1)).toBeLessThanOrEqual(500);
  expect(fixture.gateway.closes).toEqual({ "1001": 1 });
  expect(fixture.gateway.departures.waiting).toBe(0);
});

test("when the instance ends, streams end with a time to come back", async () => {
  const fixture = fixtureOf();
  const reader = await Reader.open(`${fixture.http}/sse?channels=a`);
  await reader.subscribed();
  await fixture.gateway.close();
  await reader.until(({ events }) => events.at(-1)?.type === "closed");
  expect(reader.events.at(-1)?.data).toMatchObject({ code: 1012 });
  expect(reader.retries[0]).toBeGreaterThanOrEqual(500);
});

test("the npm package eventsource gets all messages, each once, over connections that break again and again", async () => {
  const fixture = fixtureOf({ history: { messagesMax: 5 } });
  const source = closedLater(new EventSource(`${fixture.http}/sse?channels=a`));
  const seen: number[] = [];
  let subscriptions = 0;
  source.addEventListener("subscribed", () => (subscriptions += 1));
  source.addEventListener("message", ({ data }) => seen.push((JSON.parse(data) as { data: number }).data));
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await until(() => subscriptions === 1);
  let sent = 0;
  for (let round = 1; round <= 3; round++) {
    for (let n = 0; n < 20; n++) fixture.publish("a", sent++);
    await until(() => seen.length >= sent - 5 && subscriptions === round);
    for (const { socket } of [...fixture.gateway.events.connections()]) socket?.terminate();
    for (let n = 0; n < 20; n++) fixture.publish("a", sent++);
    await until(() => subscriptions === round + 1);
  }
  await until(() => seen.length >= sent);
  expect(seen).toEqual(Array.from({ length: sent }, (_, n) => n));
}, 60_000);
