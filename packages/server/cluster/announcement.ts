import { createHash } from "node:crypto";
import { z } from "zod";
import type { Config } from "../config/shape.ts";
import { INSTANCE_VITALS } from "../vitals/instanceVitals.ts";

/** An announcement is small; what is larger is somebody else's. */
export const ANNOUNCEMENT_BYTES_MAX = 16 * 1024;

const name = z.string().max(256);
const count = z.number().nonnegative();

const SCHEMA = z.object({
  v: z.literal(1),
  /** Of one start of one instance, so that two with the same id are told apart. */
  boot: z.string().max(64),
  id: name,
  region: name,
  role: z.enum(["all", "ingest", "gateway"]),
  version: name,
  /** Of the announcing instance's clock, in ms since 1970. */
  sentMs: z.number(),
  startedMs: z.number(),
  status: z.enum(["ok", "degraded", "unhealthy"]),
  /** The checks of its health that are not ok. Versions before this one do not tell. */
  ailing: z.array(z.string().max(64)).max(64).optional(),
  /** The instance ends in order: it is gone with this. */
  isLeaving: z.boolean(),
  shards: count,
  shardsReady: count,
  connections: count,
  connectionsMax: count,
  publicationsPerSecond: count,
  deliveriesPerSecond: count,
  cpuShare: count,
  rssBytes: count,
  /** Setting → fingerprint of its value, for those in which instances of one cluster must agree. */
  settings: z.record(z.string().max(64), z.string().max(64)),
  /** For dashboards. Left out by versions that do not know it. */
  vitals: INSTANCE_VITALS.optional(),
});

/** What an instance tells the others about itself, every other second. */
export type Announcement = Readonly<z.infer<typeof SCHEMA>>;

export function encodeAnnouncement(announcement: Announcement): Uint8Array {
  return Buffer.from(JSON.stringify(announcement));
}

/** undefined for what is no announcement: the bus is shared, and a newer version may say more than this one knows. */
export function decodeAnnouncement(bytes: Uint8Array): Announcement | undefined {
  if (bytes.length > ANNOUNCEMENT_BYTES_MAX) return undefined;
  try {
    const parsed = SCHEMA.safeParse(JSON.parse(Buffer.from(bytes).toString()));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** The settings by which instances would route or read differently, so that their clients would see different things. */
export function agreedSettings({ bus, routing, kafka }: Config): Record<string, string> {
  const topics = kafka === undefined ? [] : [...kafka.topics].sort();
  return {
    "bus-prefix": fingerprint(bus.prefix),
    "bus-scope": fingerprint(bus.scope),
    "channel-template": fingerprint(routing.channelTemplate),
    "topic-templates": fingerprint(Object.entries(routing.topicTemplates).sort()),
    "kafka-topics": fingerprint(topics),
    "kafka-group": fingerprint(kafka?.groupId ?? null),
    "publish-topic": fingerprint(kafka?.publishTopic ?? null),
  };
}

/** Short, and it tells nothing but whether two values are equal. */
function fingerprint(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 12);
}
