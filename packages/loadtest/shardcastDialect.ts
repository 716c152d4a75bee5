import { type ServerMessage, SUBPROTOCOL } from "@shardcast/protocol/messages";
import type { Dialect } from "./dialect.ts";
import { Histogram } from "./histogram.ts";
import { type Ledger, STREAMS_MAX } from "./ledger.ts";

const decoder = new TextDecoder();
const CHANNEL_AT = '{"type":"message","channel":"'.length;
const AFTER_CHANNEL = '","cursor":"'.length;
const AFTER_CURSOR = '","ts":'.length;
const AFTER_TIME = ',"data":'.length;
const RUN_AT = '{"lt":'.length;
const AFTER_RUN = ',"n":'.length;
const AFTER_NUMBER = ',"t":'.length;
const [QUOTE, COLON, LETTER_M, LETTER_L] = [0x22, 0x3a, 0x6d, 0x6c];

/** Reads Shardcast's frames by walking over their bytes: JSON is parsed only of what is no message. */
export class ShardcastDialect implements Dialect {
  readonly subprotocol = SUBPROTOCOL;
  readonly latency = new Histogram();
  /** Of the clients that do not read for a while: what they wait for is their own doing. */
  readonly slowLatency = new Histogram();
  deliveries = 0;
  foreign = 0;
  resumed = 0;
  readonly gaps: Record<string, number> = {};
  readonly spread: Record<string, number> = {};
  readonly #channels = new Map<number, number>();
  readonly #streams = new Map<number, number>();
  readonly #streamNames: string[] = [];
  readonly #marks = new Map<number, string>();
  readonly #options: ShardcastDialectOptions;

  constructor(options: ShardcastDialectOptions) {
    this.#options = options;
    for (const [index, channel] of options.channels.entries()) {
      const bytes = new TextEncoder().encode(channel);
      const hash = hashOf(bytes, 0, bytes.length);
      if (this.#channels.has(hash))
        throw new Error(`${channel} hashes like another channel: rename one of them`);
      this.#channels.set(hash, index);
    }
  }

  greet(client: number): readonly string[] {
    const { channels, channelsOf, ledger } = this.#options;
    const names = (channelsOf[client] ?? []).map((index) => channels[index]);
    const mark = this.#marks.get(client);
    const since =
      mark === undefined
        ? undefined
        : [
            mark,
            ...this.#streamNames.flatMap((name, stream) => {
              const offset = ledger.offsetOf(client, stream);
              return offset < 0 ? [] : [`${name}:${offset}`];
            }),
          ];
    return [JSON.stringify({ type: "subscribe", id: 1, channels: names, since })];
  }

  /** The client comes back as a new one, with nothing to resume from. */
  forget(client: number): void {
    this.#marks.delete(client);
    this.#options.ledger.leave(client);
  }

  frame(client: number, bytes: Uint8Array, start: number, end: number): void {
    if (bytes[start + 9] === LETTER_M) this.#message(client, bytes, start);
    else this.#other(client, JSON.parse(decoder.decode(bytes.subarray(start, end))) as ServerMessage);
  }

  #message(client: number, bytes: Uint8Array, start: number): void {
    const { ledger, run, slowCount } = this.#options;
    this.deliveries += 1;
    let at = start + CHANNEL_AT;
    let hash = 0;
    for (let byte = bytes[at] as number; byte !== QUOTE; byte = bytes[++at] as number) {
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    at += AFTER_CHANNEL;
    const streamAt = at;
    let stream = 0;
    for (let byte = bytes[at] as number; byte !== COLON; byte = bytes[++at] as number) {
      stream = (Math.imul(stream, 31) + byte) | 0;
    }
    const streamEnd = at++;
    let offset = 0;
    for (let digit = digitAt(bytes, at); digit >= 0; digit = digitAt(bytes, ++at))
      offset = offset * 10 + digit;
    at += AFTER_CURSOR;
    let ts = 0;
    for (let digit = digitAt(bytes, at); digit >= 0; digit = digitAt(bytes, ++at)) ts = ts * 10 + digit;
    at += AFTER_TIME;
    let number = this.#streams.get(stream);
    if (number === undefined) {
      number = this.#streams.size;
      this.#streams.set(stream, number);
      if (number < STREAMS_MAX) this.#streamNames.push(decoder.decode(bytes.subarray(streamAt, streamEnd)));
    }
    ledger.cursor(client, number, offset);
    const receivedMs = this.#options.receivedMs();
    const latency = client < slowCount ? this.slowLatency : this.latency;
    if (run === undefined) {
      latency.add((receivedMs - ts) * 1000);
      return;
    }
    const channel = this.#channels.get(hash);
    let ownRun = 0;
    if (bytes[at + 2] === LETTER_L) {
      at += RUN_AT;
      for (let digit = digitAt(bytes, at); digit >= 0; digit = digitAt(bytes, ++at))
        ownRun = ownRun * 10 + digit;
    }
    if (ownRun !== run || channel === undefined) {
      this.foreign += 1;
      return;
    }
    at += AFTER_RUN;
    let n = 0;
    for (let digit = digitAt(bytes, at); digit >= 0; digit = digitAt(bytes, ++at)) n = n * 10 + digit;
    at += AFTER_NUMBER;
    let sentUs = 0;
    for (let digit = digitAt(bytes, at); digit >= 0; digit = digitAt(bytes, ++at))
      sentUs = sentUs * 10 + digit;
    ledger.message(client, channel, n);
    latency.add(receivedMs * 1000 - sentUs);
  }

  #other(client: number, message: ServerMessage): void {
    switch (message.type) {
      case "welcome": {
        const place = `${message.instance}/${message.shard}`;
        this.spread[place] = (this.spread[place] ?? 0) + 1;
        return;
      }
      case "subscribed": {
        for (const { recovered, error } of message.channels) {
          if (error !== undefined) this.#gap(client, error.code);
          else if (recovered === false) this.#gap(client, "not_recovered");
        }
        if (this.#marks.has(client)) this.resumed += 1;
        this.#marks.set(client, message.mark);
        this.#options.onSubscribed(client);
        return;
      }
      case "reconnect":
        return this.#options.onReconnect(client, message.afterMs, message.reason);
      case "gap":
        return this.#gap(client, message.reason);
      case "error":
        return this.#gap(client, message.code);
      default:
        return;
    }
  }

  #gap(client: number, reason: string): void {
    this.gaps[reason] = (this.gaps[reason] ?? 0) + 1;
    this.#options.ledger.forget(client);
  }
}

export interface ShardcastDialectOptions {
  readonly channels: readonly string[];
  /** By client, the channels by number. */
  readonly channelsOf: readonly (readonly number[])[];
  readonly ledger: Ledger;
  /** Of its own messages; undefined where somebody else publishes. */
  readonly run: number | undefined;
  /** The first so many clients are slow on purpose. */
  readonly slowCount: number;
  readonly receivedMs: () => number;
  readonly onSubscribed: (client: number) => void;
  /** The server wants this client to come back after that time. */
  readonly onReconnect: (client: number, afterMs: number, reason: string) => void;
}

function hashOf(bytes: Uint8Array, from: number, end: number): number {
  let hash = 0;
  for (let at = from; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] as number)) | 0;
  return hash;
}

/** −1 where there is no digit. */
function digitAt(bytes: Uint8Array, at: number): number {
  const digit = (bytes[at] as number) - 48;
  return digit >= 0 && digit <= 9 ? digit : -1;
}
