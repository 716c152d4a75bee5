import { z } from "zod";
import { COMFORT_SHARE } from "../../../packages/cli/plan/comfort.ts";

const CIDR = z
  .string()
  .regex(/^(?:\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/, "must be an IPv4 range such as 10.10.0.0/20");
const REGION = z.string().regex(/^[a-z]+-[a-z]+\d+$/, "must be a region such as europe-west1");
const SECRET = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,255}$/, "must be the name of a secret in Secret Manager, without its project");
const SETTING = z.union([z.string(), z.number(), z.boolean()]);
const TOPIC = z.string().regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/, "must be the name of a Kafka topic");

const region = z.strictObject({
  cidr: CIDR.describe(
    "Range of the region's subnet, which no other network that is joined to this one uses.",
  ),
  machinesMin: z.int().min(1).max(500).default(3).describe("Machines when nobody is there."),
  machinesMax: z.int().min(1).max(500).default(12).describe("Machines that the autoscaler may start."),
  busUrlSecret: SECRET.optional().describe(
    "With `bus.kind: given`: the secret that holds this region's `--bus`.",
  ),
});

const kafkaGiven = z.strictObject({
  kind: z.literal("given").describe("A Kafka that is there already."),
  brokers: z
    .array(z.string().regex(/^[A-Za-z0-9._-]{1,253}:\d{1,5}$/, "must be host:port"))
    .min(1)
    .describe("`--kafka-brokers`."),
  tls: z.boolean().default(true).describe("`--kafka-tls`."),
  saslMechanism: z
    .enum(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
    .optional()
    .describe("`--kafka-sasl-mechanism`; `username` and `passwordSecret` belong to it."),
  username: z.string().min(1).optional().describe("`--kafka-sasl-username`."),
  passwordSecret: SECRET.optional().describe("The secret that holds the password."),
  caSecret: SECRET.optional().describe(
    "The secret that holds `--kafka-tls-ca`, where the authority is your own.",
  ),
});

const kafkaManaged = z.strictObject({
  kind: z.literal("managed").describe("A new cluster of Managed Service for Apache Kafka."),
  region: REGION.describe("Where it stands: one of `regions`. All regions read this one log."),
  vcpus: z.int().min(3).max(1000).default(3).describe("Its processors."),
  memoryGb: z.int().min(3).max(8000).default(12).describe("Its memory: 1 to 8 GB for each processor."),
  partitions: z.int().min(1).max(1000).default(12).describe("Partitions of each topic."),
  retentionHours: z
    .int()
    .min(1)
    .max(8760)
    .default(24)
    .describe("How long topics keep records: as far back as clients may resume."),
});

const busMemorystore = z.strictObject({
  kind: z
    .literal("memorystore")
    .describe("A new Memorystore for Redis in each region: private, with login and TLS."),
  sizeGb: z
    .int()
    .min(1)
    .max(300)
    .default(5)
    .describe("Its size. Pub/Sub needs no memory to speak of, but network throughput grows with it."),
  version: z
    .string()
    .regex(/^REDIS_\d_[X\d]$/)
    .default("REDIS_7_2")
    .describe("Redis' version."),
});

const busGiven = z.strictObject({
  kind: z
    .literal("given")
    .describe("A Redis or NATS that is there already; each region names its `busUrlSecret`."),
  scope: z.enum(["region", "global"]).default("region").describe("`--bus-scope`."),
  caSecret: SECRET.optional().describe("The secret that holds `--bus-ca`."),
});

/** Everything that a stack can say, in `Pulumi.<stack>.yaml`, each key after `shardcast:`. */
export const schema = z.strictObject({
  name: z
    .string()
    .regex(
      /^[a-z][a-z0-9-]{1,14}[a-z0-9]$/,
      "must be 3 to 16 small letters, digits and dashes, a letter first",
    )
    .default("shardcast")
    .describe("Begins every name. Two stacks of one project need two."),
  imageTag: z
    .string()
    .regex(
      /^(?!latest$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/,
      "must be a tag of your own; `latest` names no version",
    )
    .optional()
    .describe(
      "The image's tag in the new registry. Without it there are no machines yet: all else is made, so that an image can be pushed.",
    ),
  image: z
    .string()
    .regex(
      /^[a-z0-9.-]+(?::\d+)?\/[^\s@]+(?::(?!latest$)[^\s:/]+|@sha256:[0-9a-f]{64})$/,
      "must name a registry and end in :tag or @sha256:…",
    )
    .optional()
    .describe("An image of another registry, whole, in place of `imageTag`."),
  regions: z
    .record(REGION, region)
    .describe("The regions, each with a group of machines and a bus of its own."),
  topics: z.array(TOPIC).min(1).describe("`--kafka-topics`."),
  publishTopic: TOPIC.optional().describe("`--publish-topic`."),
  kafka: z.discriminatedUnion("kind", [kafkaGiven, kafkaManaged]).describe("The log."),
  bus: z
    .discriminatedUnion("kind", [busMemorystore, busGiven])
    .prefault({ kind: "memorystore" })
    .describe("What carries messages between the machines of a region."),
  domains: z
    .array(
      z
        .string()
        .regex(
          /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/,
          "must be a domain such as live.example.com",
        ),
    )
    .max(100)
    .default([])
    .describe(
      "Names of the global address. With one, clients come by TLS on 443 with a certificate that Google renews; without, by plain TCP.",
    ),
  port: z
    .int()
    .min(1)
    .max(65535)
    .optional()
    .describe("Port of the global address. Without a word 443 with `domains`, and 80 without."),
  machineType: z
    .string()
    .regex(/^[a-z0-9]+-[a-z0-9-]+$/)
    .default("e2-standard-4")
    .describe("Machine type."),
  bootImage: z
    .string()
    .regex(
      /^projects\/cos-cloud\/global\/images\/\S+$/,
      "must be a Container-Optimized OS image: projects/cos-cloud/global/images/…",
    )
    .default("projects/cos-cloud/global/images/family/cos-125-lts")
    .describe(
      "Container-Optimized OS. A family gives new machines its newest patches; name an image to hold one.",
    ),
  bootDiskGb: z.int().min(10).max(1000).default(20).describe("Boot disk."),
  spot: z.boolean().default(false).describe("Spot machines: cheaper, and taken back with 30 s of notice."),
  clientsPerMachine: z
    .int()
    .min(100)
    .max(1_000_000)
    .default(12_000)
    .describe("`--max-connections`, and what the balancer sends a machine at most."),
  scaleAtClientsShare: z
    .number()
    .min(0.1)
    .max(0.95)
    .default(COMFORT_SHARE)
    .describe("The autoscaler keeps machines at this share of `clientsPerMachine`."),
  scaleAtCpuShare: z
    .number()
    .min(0.1)
    .max(0.95)
    .optional()
    .describe(
      "And at this share of their processors. Without a word what `shardcast plan` aims at: three quarters of 0.6 of each core that has a shard, which is 0.33 of an e2-standard-4.",
    ),
  stabilizationSeconds: z
    .int()
    .min(0)
    .max(3600)
    .default(1800)
    .describe(
      "A group shrinks only to what was enough at every moment of so long: longer than the load's ups and downs, so that no machine goes and comes back with them.",
    ),
  scaleInMachines: z
    .int()
    .min(1)
    .max(100)
    .default(1)
    .describe("Machines that may go within `scaleInSeconds`."),
  scaleInSeconds: z.int().min(60).max(3600).default(600).describe("See `scaleInMachines`."),
  drainSeconds: z
    .int()
    .min(5)
    .max(3000)
    .default(60)
    .describe(
      "`--drain-timeout-ms`: over how long a machine that goes sends its clients away. 20 at most with `spot`.",
    ),
  idleSeconds: z
    .int()
    .min(60)
    .max(604_800)
    .default(86_400)
    .describe(
      "After this long without a byte the balancer ends a connection. Shardcast pings far more often.",
    ),
  files: z
    .record(z.string(), SECRET)
    .default({})
    .describe(
      "Setting → secret, for settings that are secret or a file, such as `jwt-secret` or `api-keys-file`.",
    ),
  settings: z
    .record(z.string(), SETTING)
    .default({})
    .describe("Any other setting of docs/configuration.md, by its flag's name without dashes in front."),
  adminRanges: z
    .array(CIDR)
    .default([])
    .describe(
      "Private ranges that may reach the admin port. Needs `files.api-keys-file`. Without, it is open to its own machine alone.",
    ),
  metricsKeySecret: SECRET.optional().describe(
    "With `files.api-keys-file`: the secret that holds one of its keys, alone, with the scope read. The collector shows it.",
  ),
  nat: z
    .boolean()
    .optional()
    .describe(
      "A Cloud NAT, for what machines ask outside of Google. Without a word: where Kafka or the bus is given, or a key set is fetched.",
    ),
  alertEmails: z.array(z.email()).default([]).describe("Who hears of alerts."),
  loadtestMachines: z
    .int()
    .min(0)
    .max(50)
    .default(0)
    .describe("Machines that play clients; 0 after the test."),
  loadtestMachineType: z
    .string()
    .regex(/^[a-z0-9]+-[a-z0-9-]+$/)
    .default("e2-standard-8")
    .describe("Their type."),
  loadtestRegion: REGION.optional().describe("Where they stand: one of `regions`, the first without a word."),
  collectorImage: z
    .string()
    .regex(/^\S+:[^\s:/]+$/)
    .default(
      "us-docker.pkg.dev/cloud-ops-agents-artifacts/google-cloud-opentelemetry-collector/otelcol-google:0.160.0",
    )
    .describe("Brings the metrics to Cloud Monitoring."),
  protect: z.boolean().default(true).describe("Refuse to delete the global address, Kafka and the registry."),
  labels: z
    .record(z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/), z.string().regex(/^[a-z0-9_-]{0,63}$/))
    .default({})
    .describe("Further labels for everything that takes labels."),
});

export type Settings = z.output<typeof schema>;

/** The port of the global address. */
export function portOf({ port, domains }: Pick<Settings, "port" | "domains">): number {
  return port ?? (domains.length > 0 ? 443 : 80);
}
