import { expect, test } from "bun:test";
import { seededRandom } from "../../../test/chaos/random.ts";
import { rejectionOf } from "../../../test/services/rejectionOf.ts";
import { buildEnvelope } from "../source/envelope.ts";
import { EmbeddedLog } from "./local.ts";
import type { RangeResult } from "./log.ts";
import { ANSWER_BYTES_PER_SECOND_MAX, ANSWERS_PER_SECOND_MAX, PeerAnswers } from "./peerAnswers.ts";
import {
  decodePeerMessage,
  encodePeerMessage,
  PEER_OVERHEAD_BYTES,
  type PeerMessage,
} from "./peerMessage.ts";
import { LISTEN_MS, OWNER_GONE_MS, PeerLog, QUESTIONS_MAX } from "./peers.ts";

const CHANNEL = "numbers";
const TICK_MS = 500;

/** Simulated time: `pass` runs what is due, step by step. */
class Clock {
  nowMs = 0;
  readonly random;
  #due: Array<{ atMs: number; fn: () => void }> = [];
  readonly now = () => this.nowMs;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  readonly schedule = (delayMs: number, fn: () => void) => {
    const entry = { atMs: this.nowMs + delayMs, fn };
    this.#due.push(entry);
    return () => {
      this.#due = this.#due.filter((other) => other !== entry);
    };
  };

  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const next = this.#due.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#due = this.#due.filter((other) => other !== next);
      this.nowMs = next.atMs;
      next.fn();
      await settled();
    }
    this.nowMs = untilMs;
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** One owner and one that asks, with a bus between them that loses what it is told to. */
function pair(options: { readonly seed?: number; readonly bytesMax?: number; readonly loss?: number } = {}) {
  const clock = new Clock(options.seed ?? 1);
  const log = new EmbeddedLog({ bytesMax: options.bytesMax ?? 1024 * 1024, envelope: buildEnvelope });
  const answers = new PeerAnswers(log, clock.now);
  const state = { isConnected: true, isOwnerAlive: true, frameBytesMax: 64 * 1024, asks: 0 };
  const isLost = () => clock.random() < (options.loss ?? 0);
  const peers = new PeerLog({
    timing: clock,
    isConnected: () => state.isConnected,
    send: (bytes) => {
      const message = decodePeerMessage(bytes)?.message;
      if (message?.type === "ask") state.asks++;
      if (message?.type !== "ask" || !state.isOwnerAlive || isLost()) return Promise.resolve();
      void answers.answer(message, state.frameBytesMax).then((answer) => {
        if (answer === undefined || isLost()) return;
        expect(answer.length).toBeLessThanOrEqual(state.frameBytesMax);
        const decoded = decodePeerMessage(answer);
        if (decoded !== undefined) peers.heard(decoded);
      });
      return Promise.resolve();
    },
  });
  const tell = (isEnded = false) => {
    const said = { ageMs: 0, isEnded };
    const { streamId, earliest, next } = log;
    const message: PeerMessage = { type: "stream", streamId, name: "embedded/a", earliest, next, ...said };
    peers.heard({ message, frame: new Uint8Array(0) });
  };
  const read = (after: number, through: number) =>
    peers.read({ streamId: log.streamId, after, through, bytesMax: 1024 * 1024 });
  /** Lets the time pass in which those who live are heard. */
  const listen = async () => {
    await clock.pass(LISTEN_MS + 2 * TICK_MS);
    tell();
  };
  return { clock, log, answers, state, peers, tell, read, listen };
}

function append(log: EmbeddedLog, count: number, bytes = 10): void {
  for (let left = count; left > 0; left--) log.append(CHANNEL, Buffer.from(`"${"x".repeat(bytes)}"`), 0);
}

test("until the owners had time to speak, nobody knows what there is", async () => {
  const { peers, listen, read, log } = pair();
  expect(await rejectionOf(peers.streams())).toMatchObject({ code: "log_unavailable" });
  expect(await rejectionOf(read(-1, 5))).toMatchObject({ code: "log_unavailable" });
  append(log, 3);
  await listen();
  expect(await peers.streams()).toEqual([
    { id: log.streamId, name: "embedded/a", earliest: 0, next: 3, isOlder: false },
  ]);
});

test("a stream that is older than this instance is told as such, whenever it is heard of", async () => {
  const { peers, clock, listen } = pair();
  await listen();
  const tell = (streamId: string, ageMs: number) => {
    const message = {
      type: "stream",
      streamId,
      name: "embedded/a",
      earliest: 0,
      next: 3,
      ageMs,
      isEnded: false,
    } as const;
    peers.heard({ message, frame: new Uint8Array(0) });
  };
  await clock.pass(5_000);
  const ownAgeMs = clock.nowMs;
  tell("older00", ownAgeMs + 1_000);
  tell("younger", ownAgeMs - 1_000);
  await clock.pass(1_000);
  // Said again, nothing has changed: both have grown older as this instance has.
  tell("younger", ownAgeMs);
  const told = new Map((await peers.streams()).map(({ id, isOlder }) => [id, isOlder]));
  expect([told.get("older00"), told.get("younger")]).toEqual([true, false]);
});

test("equal questions are one, and their number is bounded", async () => {
  const { listen, read, log, state, clock } = pair();
  append(log, 200);
  await listen();
  const [one, other] = await Promise.all([read(-1, 9), read(-1, 9)]);
  expect(state.asks).toBe(1);
  expect(one).toBe(other);
  state.isOwnerAlive = false;
  const waiting = Array.from({ length: QUESTIONS_MAX }, (_, index) => read(index, 199).catch(() => "late"));
  expect(await rejectionOf(read(QUESTIONS_MAX, 199))).toMatchObject({
    message: expect.stringContaining("too many questions"),
  });
  await clock.pass(1_000);
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(["late"]));
});

test("what the owner has let go of is lost, and what no message can carry", async () => {
  const { listen, read, log, state } = pair({ bytesMax: 64 * 1024 });
  append(log, 1_000, 200);
  await listen();
  expect(await read(-1, 999)).toEqual({ kind: "lost", through: log.earliest - 1, reason: "retention" });
  append(log, 1, 10_000);
  append(log, 1);
  await listen();
  state.frameBytesMax = PEER_OVERHEAD_BYTES + 4_000;
  expect(await read(999, 1_001)).toEqual({ kind: "lost", through: 1_000, reason: "unreadable" });
  expect(await read(1_000, 1_001)).toMatchObject({ kind: "read", through: 1_001 });
});

test("an owner is gone after a silence in which the bus delivered, and comes back", async () => {
  const { listen, read, log, state, clock, peers, tell } = pair();
  append(log, 3);
  await listen();
  state.isConnected = false;
  await clock.pass(2 * OWNER_GONE_MS);
  expect(await rejectionOf(read(0, 2))).toMatchObject({ code: "log_unavailable" });
  state.isConnected = true;
  state.isOwnerAlive = false;
  await clock.pass(OWNER_GONE_MS - TICK_MS);
  expect(peers.size).toBe(1);
  await clock.pass(2 * TICK_MS);
  expect(await read(0, 2)).toEqual({ kind: "gone", isEndUnknown: true });
  expect(await peers.streams()).toEqual([]);
  state.isOwnerAlive = true;
  tell();
  expect(await read(0, 2)).toMatchObject({ kind: "read", through: 2 });
});

test("a stream that ended in order is complete for those who have it, and its owner answers the others until it is gone", async () => {
  const { listen, read, log, state, clock, peers, tell } = pair();
  append(log, 3);
  await listen();
  tell(true);
  expect(await read(0, 2)).toMatchObject({ kind: "read", through: 2 });
  expect(await read(2, 5)).toEqual({ kind: "gone", isComplete: true });
  state.isOwnerAlive = false;
  await clock.pass(OWNER_GONE_MS + 2 * TICK_MS);
  expect(await read(2, 5)).toEqual({ kind: "gone", isComplete: true });
  expect(await read(1, 5)).toEqual({ kind: "gone", isEndUnknown: true });
  expect(peers.gone).toBe(0);
});

test("an owner answers so much in a second, and more in the next", async () => {
  const { answers, log, clock, state } = pair();
  append(log, 1);
  const base = { id: "1", streamId: log.streamId, after: -1, through: 0, bytesMax: 1_000 };
  const ask = () => answers.answer({ type: "ask", ...base }, state.frameBytesMax);
  for (let count = 0; count < ANSWERS_PER_SECOND_MAX; count++) expect(await ask()).toBeDefined();
  expect(await ask()).toBeUndefined();
  await clock.pass(1_000);
  expect(await ask()).toBeDefined();
});

test("questions that come all at once are answered within the bytes of a second", async () => {
  const { answers, log } = pair({ bytesMax: 8 * 1024 * 1024 });
  append(log, 4, 1_000_000);
  const bytesMax = 4 * 1024 * 1024;
  const ask = { type: "ask", id: "1", streamId: log.streamId, after: -1, through: 3, bytesMax } as const;
  const asked = Array.from({ length: ANSWERS_PER_SECOND_MAX }, () => answers.answer(ask, bytesMax));
  const bytes = (await Promise.all(asked)).reduce((sum, answer) => sum + (answer?.length ?? 0), 0);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThanOrEqual(ANSWER_BYTES_PER_SECOND_MAX);
});

test("whatever a lossy bus does to questions and answers, asking on brings each message once and in order", async () => {
  for (let seed = 1; seed <= 100; seed++) {
    const { clock, listen, tell, read, log } = pair({ seed, loss: 0.5 });
    append(log, 100 + Math.floor(clock.random() * 200), Math.floor(clock.random() * 3_000));
    await listen();
    const seen: number[] = [];
    for (let after = -1, tries = 0; after < log.next - 1; tries++) {
      if (tries > 500) throw new Error(`seed ${seed}: no end`);
      tell();
      const asked = read(after, log.next - 1).catch((): RangeResult | undefined => undefined);
      await clock.pass(1_000);
      const result = await asked;
      if (result?.kind !== "read") continue;
      seen.push(...result.publications.map(({ offset }) => offset));
      after = result.through;
    }
    expect([seed, seen]).toEqual([seed, Array.from({ length: log.next }, (_, offset) => offset)]);
  }
});

test("foreign bytes are no message", () => {
  const good = encodePeerMessage({ type: "who" });
  expect(decodePeerMessage(good)?.message).toEqual({ type: "who" });
  const bad = [
    new Uint8Array(0),
    good.subarray(0, 5),
    good.subarray(0, -1),
    Buffer.from("\xc7xxxxxxxxxx", "latin1"),
  ];
  for (const bytes of bad) expect(decodePeerMessage(bytes)).toBeUndefined();
  const huge = encodePeerMessage({
    type: "stream",
    streamId: "aaaaaaa",
    name: "y".repeat(257),
    earliest: 0,
    next: 0,
    ageMs: 0,
    isEnded: false,
  });
  expect(decodePeerMessage(huge)).toBeUndefined();
});

test("what is told of a stream whose id no mark can hold is no message", () => {
  for (const streamId of ["x", "?", "AAAAAAA", "z".repeat(256), "aaaaaaa\n"]) {
    const message = {
      type: "stream",
      streamId,
      name: "foreign",
      earliest: 0,
      next: 1,
      ageMs: 0,
      isEnded: false,
    } as const;
    expect(decodePeerMessage(encodePeerMessage(message))).toBeUndefined();
  }
});
