import { parse } from "yaml";
import { z } from "zod";

const whole = (min: number, max: number) => z.int().min(min).max(max);
const amount = z.number().min(0).max(1e9);

/** What a scenario file holds; everything has a default, and unknown keys are refused. */
export const SCENARIO = z.strictObject({
  urls: z
    .array(z.string().regex(/^ws:\/\/\S+$/))
    .min(1)
    .default(["ws://127.0.0.1:3000/ws"]),
  /** Each instance's admin port, for its metrics. */
  admins: z.array(z.string().regex(/^https?:\/\/\S+$/)).default([]),
  redis: z
    .string()
    .regex(/^redis:\/\/\S+$/)
    .optional(),
  nats: z
    .string()
    .regex(/^https?:\/\/\S+$/)
    .optional(),
  connections: whole(1, 1_000_000).default(100),
  connectionsPerSecond: whole(1, 100_000).default(1000),
  /** Handshakes under way, of all generators together. */
  handshakesAtOnce: whole(1, 100_000).default(500),
  holdSeconds: z.number().min(0.1).max(86_400).default(10),
  channels: z.array(z.string()).min(1).default(["BTC.load", "ETH.load", "SOL.load"]),
  choose: z.enum(["all", "one", "random", "zipf"]).default("all"),
  /** Of each client, where it chooses `random` or `zipf`. */
  channelsPerClient: whole(1, 1000).default(1),
  publish: z.enum(["http", "kafka", "none"]).default("http"),
  topic: z.string().default("load"),
  messagesPerSecond: z.number().min(0.01).max(1_000_000).default(10),
  payloadBytes: whole(60, 1_000_000).default(200),
  spike: z.strictObject({ atSeconds: amount, seconds: amount, factor: amount }).optional(),
  /** Clients that leave, and come as new ones, each second. */
  churnPerSecond: amount.default(0),
  /** Cuts this share of all connections at once; they resume. */
  storm: z.strictObject({ atSeconds: amount, share: z.number().min(0).max(1) }).optional(),
  /** Clients that do not read for so long, once in each period. */
  slow: z
    .strictObject({ share: z.number().min(0).max(1), pauseMs: amount, everyMs: whole(10, 600_000) })
    .optional(),
  thresholds: z
    .strictObject({
      lostMax: amount.default(0),
      repeatedMax: amount.default(0),
      disorderedMax: amount.default(0),
      gapsMax: amount.default(0),
      refusedMax: amount.default(0),
      disconnectsMax: amount.default(0),
      p50MsMax: amount.optional(),
      p99MsMax: amount.optional(),
      deliveriesPerSecondMin: amount.optional(),
      generatorCpuShareMax: amount.default(0.95),
    })
    .prefault({}),
});

export type Scenario = z.infer<typeof SCENARIO>;

/** Reads a scenario; `over` are values that stand above those of the file. Throws a `ZodError` or a `YAMLParseError`. */
export function readScenario(text: string, over: Readonly<Record<string, unknown>>): Scenario {
  const found: unknown = parse(text) ?? {};
  return SCENARIO.parse(typeof found === "object" ? { ...found, ...over } : found);
}
