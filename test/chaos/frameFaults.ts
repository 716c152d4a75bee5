import type { Filter } from "../services/tcpProxy.ts";

/** What may happen to one message that a bus' server sends to a subscriber. */
export interface FrameFaults {
  /** Shares of all messages, in [0, 1]. */
  readonly drop: number;
  readonly repeat: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Finds the end of the protocol element that begins at `at`; undefined where it is not all there. */
type Boundary = (bytes: Buffer, at: number) => number | undefined;

/**
 * Loses and repeats single messages of a subscription, and passes everything else. It knows just so much of the
 * protocols as to find where a message begins and ends.
 */
export function frameFilter(bus: "redis" | "nats", faults: FrameFaults): Filter {
  const boundary: Boundary = bus === "redis" ? redisBoundary : natsBoundary;
  const isMessage = bus === "redis" ? isRedisMessage : isNatsMessage;
  let rest: Buffer = Buffer.alloc(0);
  return (chunk, forward) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (let end = boundary(rest, at); end !== undefined; end = boundary(rest, at)) {
      const element = Buffer.from(rest.subarray(at, end));
      at = end;
      const chance = isMessage(element) ? faults.random() : 1;
      if (chance < faults.drop) continue;
      forward(element);
      if (chance < faults.drop + faults.repeat) forward(element);
    }
    rest = Buffer.from(rest.subarray(at));
  };
}

function lineEnd(bytes: Buffer, at: number): number | undefined {
  const end = bytes.indexOf("\r\n", at);
  return end < 0 ? undefined : end + 2;
}

/** RESP, versions 2 and 3: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
function redisBoundary(bytes: Buffer, at: number): number | undefined {
  const head = lineEnd(bytes, at);
  if (head === undefined) return undefined;
  const kind = String.fromCharCode(bytes[at] ?? 0);
  const count = Number(bytes.subarray(at + 1, head - 2).toString());
  if (kind === "$" || kind === "=" || kind === "!") {
    const end = count < 0 ? head : head + count + 2;
    return end <= bytes.length ? end : undefined;
  }
  if (kind !== "*" && kind !== ">" && kind !== "%" && kind !== "~") return head;
  let end: number | undefined = head;
  const elements = kind === "%" ? 2 * count : count;
  for (let left = elements; left > 0 && end !== undefined; left--) end = redisBoundary(bytes, end);
  return end;
}

function isRedisMessage(element: Buffer): boolean {
  return /^[*>]3\r\n\$7\r\nmessage\r\n/.test(element.subarray(0, 24).toString("latin1"));
}

/** https://docs.nats.io/reference/reference-protocols/nats-protocol */
function natsBoundary(bytes: Buffer, at: number): number | undefined {
  const head = lineEnd(bytes, at);
  if (head === undefined) return undefined;
  const line = bytes.subarray(at, head - 2).toString("latin1");
  if (!/^H?MSG /.test(line)) return head;
  const end = head + Number(line.split(" ").at(-1)) + 2;
  return end <= bytes.length ? end : undefined;
}

function isNatsMessage(element: Buffer): boolean {
  return element.subarray(0, 4).toString("latin1") === "MSG ";
}
