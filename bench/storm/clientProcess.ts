// A process of lean clients that keep a ledger: raw sockets, and of each message only its channel, number and time are read.
import { backoffMs } from "@shardcast/client/backoff";
import type { Dialect } from "@shardcast/loadtest/dialect";
import { Histogram } from "@shardcast/loadtest/histogram";
import { SocketPool } from "@shardcast/loadtest/socketPool";
import { SourcePorts } from "@shardcast/loadtest/sourcePorts";
import { SUBPROTOCOL } from "@shardcast/protocol/messages";
import {
  CHANNELS,
  channelKey,
  channelsOf,
  type Measured,
  type StormAnswer,
  type StormCommand,
  type StormStart,
  TOPIC,
} from "./messages.ts";

const { url, clients, first, addresses } = JSON.parse(process.argv[2] ?? "") as StormStart;
/** `{"type":"message","channel":"c`, and what stands before a message's number. */
const CHANNEL_AT = 30;
const NUMBER = Buffer.from('"data":{"n":');
const TIME = Buffer.from('"t":');
/** Connections that are begun before anything is read again. */
const OPENED_AT_ONCE = 50;
const [MESSAGE, SUBSCRIBED, PONG] = ["m", "s", "p"].map((letter) => letter.charCodeAt(0));

/** The number that came last, of each client and channel. −1: none yet. */
const last = new Int32Array(clients * CHANNELS).fill(-1);
const marks = new Array<string>(clients).fill("");
/** 1 for those that have left. */
const away = new Uint8Array(clients);
const openedMs = new Float64Array(clients);
const attempts = new Map<number, number>();
let command: StormCommand = "connect";
let commandMs = performance.now();
let done = 0;
const latency = new Histogram();
const caughtUp = new Histogram();
const resumed = new Histogram();
let counts = emptyCounts();

function emptyCounts() {
  return {
    ...{ messages: 0, notRecovered: 0, wrong: 0 },
    closed: {} as Record<string, number>,
    refused: {} as Record<string, number>,
  };
}

const dialect: Dialect = {
  subprotocol: SUBPROTOCOL,
  greet: (client) => {
    const channels = channelsOf(first + client).map((channel) => `${channelKey(channel)}.${TOPIC}`);
    const mark = marks[client];
    return [JSON.stringify({ type: "subscribe", id: 1, channels, ...(mark !== "" && { since: [mark] }) })];
  },
  frame: (client, bytes, start, end, send) => {
    const type = bytes[start + 9];
    if (away[client] === 1) return;
    if (type === SUBSCRIBED) return joined(client, bytes, start, end);
    if (type === PONG) return leave(client, bytes, start, end);
    if (type !== MESSAGE) return;
    take(client, bytes, start, end);
    if (command === "leave" && marks[client] === "") {
      marks[client] = "asked";
      send('{"type":"ping","id":2}');
    }
  },
};

/** What is on the way behind the mark is not read any more, as when a network breaks. */
function leave(client: number, bytes: Uint8Array, start: number, end: number): void {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
  marks[client] = (JSON.parse(text) as { mark: string }).mark;
  away[client] = 1;
  pool.cut(client);
}

function take(client: number, bytes: Uint8Array, start: number, end: number): void {
  counts.messages += 1;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  const channel = ((text[CHANNEL_AT] ?? 0) - 48) * 10 + (text[CHANNEL_AT + 1] ?? 0) - 48;
  const at = text.indexOf(NUMBER) + NUMBER.length;
  const number = wholeNumber(text, at);
  const place = client * CHANNELS + channel;
  const before = last[place] ?? -1;
  if (before >= 0 && number !== before + 1) counts.wrong += 1;
  last[place] = number;
  const sentMs = wholeNumber(text, text.indexOf(TIME, at) + TIME.length);
  latency.add((pool.receivedMs - sentMs) * 1000);
}

function wholeNumber(text: Uint8Array, from: number): number {
  let value = 0;
  for (let at = from; ; at++) {
    const digit = (text[at] ?? 0) - 48;
    if (digit < 0 || digit > 9) return value;
    value = value * 10 + digit;
  }
}

function joined(client: number, bytes: Uint8Array, start: number, end: number): void {
  if (command === "comeBack") {
    const nowMs = performance.now();
    caughtUp.add((nowMs - commandMs) * 1000);
    resumed.add((nowMs - (openedMs[client] ?? nowMs)) * 1000);
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
    if (text.includes('"recovered":false') || text.includes('"error"')) counts.notRecovered += 1;
  }
  countDone();
}

function countDone(): void {
  done += 1;
  if (done === clients && command !== "measure") answer({ done: command });
}

function answer(message: StormAnswer): void {
  process.send?.(message);
}

const pool = new SocketPool({
  urls: [url],
  dialect,
  sourcePorts: new SourcePorts(addresses, Math.random),
  handshakesMax: clients,
  handshakeTimeoutMs: 30_000,
  onOpen: (client) => {
    openedMs[client] = performance.now();
    away[client] = 0;
  },
  // As the SDK does, which can not see why.
  onRefused: (client, reason) => {
    counts.refused[reason] = (counts.refused[reason] ?? 0) + 1;
    const attempt = attempts.get(client) ?? 0;
    attempts.set(client, attempt + 1);
    setTimeout(() => pool.open(client), backoffMs(attempt, {}, Math.random()));
  },
  onClose: (client, code) => {
    if (away[client] === 1) return countDone();
    counts.closed[code] = (counts.closed[code] ?? 0) + 1;
  },
});

function measured(): Measured {
  const found = {
    ...counts,
    latency: latency.toSparse(),
    caughtUp: caughtUp.toSparse(),
    resumed: resumed.toSparse(),
  };
  counts = emptyCounts();
  for (const histogram of [latency, caughtUp, resumed]) histogram.clear();
  return found;
}

process.on("message", (next: StormCommand) => {
  if (next === "measure") return answer({ measured: measured() });
  command = next;
  commandMs = performance.now();
  done = 0;
  // Those who leave ask for their mark with the next message.
  if (next === "leave") marks.fill("");
  else openFrom(0);
});

/** As fast as it goes, but reading in between: clients of their own do not wait for all others before they send their request. */
function openFrom(first: number): void {
  const until = Math.min(first + OPENED_AT_ONCE, clients);
  for (let client = first; client < until; client++) pool.open(client);
  if (until < clients) setImmediate(openFrom, until);
}
