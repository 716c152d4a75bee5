import { decimal } from "@shardcast/server/config/kinds";
import type { Setting } from "@shardcast/server/config/setting";

function threshold(name: string, doc: string, max = 1e9) {
  return { name, kind: decimal(0, max), group: "command", doc, where: "flag" } as const satisfies Setting;
}

/** By the keys of a scenario's `thresholds`; what is not given stands as the scenario has it. */
export const THRESHOLD_SETTINGS = {
  lostMax: threshold("lost-max", "Threshold: messages that never came, over all clients. Otherwise 0."),
  repeatedMax: threshold("repeated-max", "Threshold: messages that came twice. Otherwise 0."),
  disorderedMax: threshold("disordered-max", "Threshold: messages that came after a later one. Otherwise 0."),
  gapsMax: threshold("gaps-max", "Threshold: gaps that were told, and requests refused. Otherwise 0."),
  refusedMax: threshold("refused-max", "Threshold: handshakes that failed or were refused. Otherwise 0."),
  disconnectsMax: threshold(
    "disconnects-max",
    "Threshold: connections that ended without notice. Otherwise 0.",
  ),
  movesMax: threshold("moves-max", "Threshold: clients that the server asked to come back later."),
  handshakeP99MsMax: threshold(
    "handshake-p99-ms-max",
    "Threshold: handshakes' p99, in ms since each was due.",
  ),
  p50MsMax: threshold("p50-ms-max", "Threshold: latency p50, in ms."),
  p99MsMax: threshold("p99-ms-max", "Threshold: latency p99, in ms."),
  p999MsMax: threshold("p999-ms-max", "Threshold: latency p99.9, in ms."),
  deliveriesPerSecondMin: threshold("deliveries-per-second-min", "Threshold: deliveries a second."),
  publishedShareMin: threshold(
    "published-share-min",
    "Threshold: of what was due by the rate, the share that was published. Otherwise 0.95.",
    1,
  ),
  silenceSecondsMax: threshold(
    "silence-seconds-max",
    "Threshold: the longest time without any delivery. Otherwise 15.",
  ),
  serverRssMiBMax: threshold("server-rss-mib-max", "Threshold: memory of all instances together, in MiB."),
  kafkaLagMax: threshold("kafka-lag-max", "Threshold: the consumer group's lag at the end, in records."),
  generatorCpuShareMax: threshold(
    "generator-cpu-share-max",
    "Threshold: the busiest generator's share of a core. Otherwise 0.95.",
    100,
  ),
} as const satisfies Record<string, Setting>;
