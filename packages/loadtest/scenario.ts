import { parse } from "yaml";
import { z } from "zod";
import { expandChannels } from "./channelNames.ts";

const whole = (min: number, max: number) => z.int().min(min).max(max);
const amount = z.number().min(0).max(1e9);
const text = (pattern: RegExp) => z.string().regex(pattern);

/** What must hold; `undefined` is not checked. */
export const THRESHOLDS = z.strictObject({
  lostMax: amount.default(0),
  repeatedMax: amount.default(0),
  disorderedMax: amount.default(0),
  gapsMax: amount.default(0),
  refusedMax: amount.default(0),
  disconnectsMax: amount.default(0),
  movesMax: amount.optional(),
  handshakeP99MsMax: amount.optional(),
  p50MsMax: amount.optional(),
  p99MsMax: amount.optional(),
  p999MsMax: amount.optional(),
  deliveriesPerSecondMin: amount.optional(),
  /** Of what was due by the rate, what was published and acknowledged. */
  publishedShareMin: amount.max(1).default(0.95),
  /** The longest time without any delivery while messages were published. */
  silenceSecondsMax: amount.default(15),
  serverRssMiBMax: amount.optional(),
  kafkaLagMax: amount.optional(),
  generatorCpuShareMax: amount.default(0.95),
});

/** What a scenario file holds; everything has a default, and unknown keys are refused. */
export const SCENARIO = z.strictObject({
  urls: z
    .array(text(/^wss?:\/\/\S+$/))
    .min(1)
    .default(["ws://127.0.0.1:3000/ws"]),
  /** Each instance's admin port, for its metrics; a name with several addresses stands for as many instances. */
  admins: z.array(text(/^https?:\/\/\S+$/)).default([]),
  /** Somebody said that the servers' own figures are not to be had. */
  withoutMetrics: z.boolean().default(false),
  redis: text(/^rediss?:\/\/\S+$/).optional(),
  nats: text(/^https?:\/\/\S+$/).optional(),
  /** Consumer group whose lag the broker is asked for, where there are brokers. */
  kafkaGroup: text(/^[!-~]{1,249}$/).default("shardcast.default"),
  connections: whole(1, 1_000_000).default(100),
  connectionsPerSecond: whole(1, 100_000).default(1000),
  /** Handshakes under way, of all generators together. */
  handshakesAtOnce: whole(1, 100_000).default(500),
  /** For the last handshakes after the ramp, and for the last deliveries after the last message. */
  waitSeconds: z.number().min(0.1).max(3600).default(60),
  holdSeconds: z.number().min(0.1).max(86_400).default(10),
  channels: z
    .array(z.string())
    .min(1)
    .transform((names, context) => {
      try {
        return expandChannels(names);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        context.addIssue({ code: "custom", message: error.message });
        return z.NEVER;
      }
    })
    .default(["BTC.load", "ETH.load", "SOL.load"]),
  choose: z.enum(["all", "one", "random", "zipf"]).default("all"),
  /** Of each client, where it chooses `random` or `zipf`. */
  channelsPerClient: whole(1, 1000).default(1),
  /** Of every subscription: each message, or only what is newest. */
  policy: z.enum(["lossless", "latest"]).default("lossless"),
  /** The newest value of each channel, at most so many times a second. At 0.1 the last one may come later than is waited for. */
  maxRate: z.number().min(0.2).max(1e6).optional(),
  encoding: z.enum(["plain", "deflate"]).default("plain"),
  publish: z.enum(["http", "kafka", "none"]).default("http"),
  topic: z.string().default("load"),
  messagesPerSecond: z.number().min(0.01).max(1_000_000).default(10),
  payloadBytes: whole(60, 1_000_000).default(200),
  spike: z.strictObject({ atSeconds: amount, seconds: amount, factor: amount.min(0.01) }).optional(),
  /** Clients that leave, and come as new ones, each second. */
  churnPerSecond: amount.default(0),
  /** Cuts this share of all connections at once; they resume. */
  storm: z.strictObject({ atSeconds: amount, share: z.number().min(0).max(1) }).optional(),
  /** Clients that do not read for so long, once in each period. */
  slow: z
    .strictObject({ share: z.number().min(0).max(1), pauseMs: amount, everyMs: whole(10, 600_000) })
    .optional(),
  thresholds: THRESHOLDS.prefault({}),
});

/** What would never come about, so that a run proved nothing of it. */
const MEANT_SCENARIO = SCENARIO.superRefine(
  ({ storm, spike, slow, churnPerSecond, holdSeconds }, context) => {
    const begins = { storm: storm?.atSeconds, spike: spike?.atSeconds, slow: slow && slow.everyMs / 1000 };
    for (const [key, atSeconds] of Object.entries(begins))
      if (atSeconds !== undefined && atSeconds >= holdSeconds)
        context.addIssue({
          ...{ code: "custom", path: [key] },
          message: `begins at ${atSeconds} s, but holdSeconds is ${holdSeconds}`,
        });
    if (churnPerSecond > 0 && churnPerSecond * holdSeconds < 1)
      context.addIssue({
        code: "custom",
        path: ["churnPerSecond"],
        message: "replaces nobody within holdSeconds",
      });
  },
);

export type Scenario = z.infer<typeof SCENARIO>;

/** Whether newer messages may stand for older ones, so that nobody can say which a client should have got. */
export function isNewestOnly({ policy, maxRate }: Pick<Scenario, "policy" | "maxRate">): boolean {
  return policy === "latest" || maxRate !== undefined;
}

/**
 * Reads a scenario; `over` are values that stand above those of the file, single thresholds too. Throws a `ZodError` or a
 * `YAMLParseError`.
 */
export function readScenario(text: string, over: Readonly<Record<string, unknown>>): Scenario {
  const found: unknown = parse(text) ?? {};
  if (!isObject(found)) return MEANT_SCENARIO.parse(found);
  const thresholds = { ...asObject(found["thresholds"]), ...asObject(over["thresholds"]) };
  const isGiven = "thresholds" in found || "thresholds" in over;
  // What is no object is for the schema to refuse.
  const isMergeable = !("thresholds" in found) || isObject(found["thresholds"]);
  return MEANT_SCENARIO.parse({ ...found, ...over, ...(isGiven && isMergeable && { thresholds }) });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}
