import { type ServerMessage, SUBPROTOCOL } from "@shardcast/protocol/messages";
import type { Dialect } from "./dialect.ts";
import { Histogram } from "./histogram.ts";
import { jsonItems } from "./jsonItems.ts";
import { type ClientLedger, STREAMS_MAX } from "./ledger.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();
/** A record's time is in whole ms, and the clocks of two processes begin that far apart at most. */
const EARLY_US_MAX = 1000;
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
  /** Frames that are none of the protocol's. */
  unreadable = 0;
  /** Messages that were received before their own time: the clocks do not agree. */
  early = 0;
  resumed = 0;
  /** Frames that came deflated. */
  deflated = 0;
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
      const hash = hashOfText(channel);
      if (this.#channels.has(hash))
        throw new Error(`${channel} hashes like another channel: rename one of them`);
      this.#channels.set(hash, index);
    }
  }

  greet(client: number): readonly string[] {
    const { channels, channelsOf, ledger, policy } = this.#options;
    const names = (channelsOf[client] ?? []).map((index) =>
      policy === undefined ? channels[index] : { channel: channels[index], ...policy },
    );
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
    if (end - start > 9 && bytes[start + 9] === LETTER_M) return this.#message(client, bytes, start, end);
    const message = parsed(decoder.decode(bytes.subarray(start, end)));
    if (message === undefined) this.unreadable += 1;
    else this.#other(client, message);
  }

  binaryFrame(client: number, bytes: Uint8Array, start: number, end: number): void {
    const messages = inflated(bytes.slice(start, end));
    if (messages === undefined) {
      this.unreadable += 1;
      return;
    }
    this.deflated += 1;
    for (const [from, to] of jsonItems(messages)) this.frame(client, messages, from, to);
  }

  #message(client: number, bytes: Uint8Array, start: number, end: number): void {
    const { ledger, run, slowCount } = this.#options;
    let at = start + CHANNEL_AT;
    let hash = 0;
    for (let byte = bytes[at] as number; byte !== QUOTE && at < end; byte = bytes[++at] as number) {
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    at += AFTER_CHANNEL;
    const streamAt = at;
    let stream = 0;
    for (let byte = bytes[at] as number; byte !== COLON && at < end; byte = bytes[++at] as number) {
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
    // What is cut off, or written in another way, has walked beyond its end, or found no time.
    if (at >= end || ts === 0) {
      this.unreadable += 1;
      return;
    }
    this.deliveries += 1;
    let number = this.#streams.get(stream);
    if (number === undefined) {
      number = this.#streams.size;
      this.#streams.set(stream, number);
      if (number < STREAMS_MAX) this.#streamNames.push(decoder.decode(bytes.subarray(streamAt, streamEnd)));
    }
    ledger.cursor(client, number, offset);
    const receivedMs = this.#options.receivedMs();
    const latency = client < slowCount ? this.slowLatency : this.latency;
    const channel = this.#channels.get(hash);
    if (run === undefined) {
      ledger.hear(client, channel ?? -1);
      this.#addLatency(latency, (receivedMs - ts) * 1000);
      return;
    }
    let ownRun = 0;
    if (bytes[at + 2] === LETTER_L) {
      at += RUN_AT;
      for (let digit = digitAt(bytes, at); digit >= 0; digit = digitAt(bytes, ++at))
        ownRun = ownRun * 10 + digit;
    }
    if (ownRun !== run || channel === undefined) {
      this.foreign += 1;
      if (channel !== undefined) ledger.hear(client, channel);
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
    this.#addLatency(latency, receivedMs * 1000 - sentUs);
  }

  #addLatency(latency: Histogram, us: number): void {
    if (us < -EARLY_US_MAX) this.early += 1;
    latency.add(us);
  }

  #other(client: number, message: ServerMessage): void {
    switch (message.type) {
      case "welcome": {
        const place = `${message.instance}/${message.shard}`;
        this.spread[place] = (this.spread[place] ?? 0) + 1;
        return;
      }
      case "subscribed": {
        for (const { channel, recovered, error } of message.channels) {
          if (error === undefined && recovered !== false) continue;
          this.#count(error?.code ?? "not_recovered");
          this.#options.ledger.forget(client, this.#numberOf(channel));
          this.#options.ledger.forgetOffsets(client);
        }
        if (this.#marks.has(client)) this.resumed += 1;
        this.#marks.set(client, message.mark);
        this.#options.onSubscribed(client);
        return;
      }
      case "reconnect":
        return this.#options.onReconnect(client, message.afterMs, message.reason);
      case "gap":
        this.#count(message.reason);
        this.#options.ledger.forget(client, this.#numberOf(message.channel));
        return this.#options.ledger.forgetOffsets(client, this.#streamOf(message.through));
      case "error":
        return this.#count(message.code);
      default:
        return;
    }
  }

  #count(reason: string): void {
    this.gaps[reason] = (this.gaps[reason] ?? 0) + 1;
  }

  /** −1 for a channel that nobody asked for. */
  #numberOf(channel: string): number {
    return this.#channels.get(hashOfText(channel)) ?? -1;
  }

  /** undefined for one of which nothing has come yet. */
  #streamOf(cursor: string): number | undefined {
    return this.#streams.get(hashOfText(cursor.slice(0, cursor.indexOf(":"))));
  }
}

export type SubscriptionPolicy = { readonly policy: "latest" } | { readonly maxRate: number };

export interface ShardcastDialectOptions {
  readonly channels: readonly string[];
  /** By client, the channels by number. */
  readonly channelsOf: readonly (readonly number[])[];
  readonly ledger: ClientLedger;
  /** Of every subscription; undefined: every message is due. */
  readonly policy?: SubscriptionPolicy | undefined;
  /** Of its own messages; undefined where somebody else publishes. */
  readonly run: number | undefined;
  /** The first so many clients are slow on purpose. */
  readonly slowCount: number;
  readonly receivedMs: () => number;
  readonly onSubscribed: (client: number) => void;
  /** The server wants this client to come back after that time. */
  readonly onReconnect: (client: number, afterMs: number, reason: string) => void;
}

function hashOfText(text: string): number {
  let hash = 0;
  for (const byte of encoder.encode(text)) hash = (Math.imul(hash, 31) + byte) | 0;
  return hash;
}

function inflated(frame: Uint8Array<ArrayBuffer>): Uint8Array | undefined {
  try {
    return Bun.inflateSync(frame);
  } catch {
    // It is counted as unreadable.
    return undefined;
  }
}

function parsed(text: string): ServerMessage | undefined {
  try {
    const message: unknown = JSON.parse(text);
    return typeof message === "object" && message !== null ? (message as ServerMessage) : undefined;
  } catch {
    // It is counted as unreadable.
    return undefined;
  }
}

/** −1 where there is no digit. */
function digitAt(bytes: Uint8Array, at: number): number {
  const digit = (bytes[at] as number) - 48;
  return digit >= 0 && digit <= 9 ? digit : -1;
}
