import type { Overview, Sample } from "@shardcast/server/overview/shape";
import { bytes, count, duration, percent, rate, UNKNOWN } from "./format.ts";

interface Props {
  readonly overview: Overview;
  readonly samples: readonly Sample[];
}

type Column = Overview["history"]["columns"][number];

/** The figures of the whole cluster as they are now. What is counted is counted over what the charts show. */
export function Tiles({ overview, samples }: Props) {
  const { instances, history, streams, bus } = overview;
  const last = samples.at(-1);
  const now = (column: Column) => last?.[history.columns.indexOf(column)] ?? null;
  const counted = (column: Column) =>
    samples.reduce((sum, sample) => sum + (sample[history.columns.indexOf(column)] ?? 0), 0);
  const heard = instances.filter(({ isSilent }) => !isSilent);
  const connectionsMax = heard.reduce((sum, instance) => sum + instance.connectionsMax, 0);
  const connections = now("connections") ?? 0;
  const busStates = [...new Set(heard.flatMap(({ vitals }) => vitals?.busState ?? []))];
  const coverage = last === undefined ? "" : `in ${Math.max(1, Math.round(covered(samples) / 60_000))} min`;
  return (
    <section aria-label="Now">
      <dl class="tiles">
        <Tile name="Connections" value={count(connections)}>
          {connectionsMax > 0 ? `${percent(connections / connectionsMax)} of ${count(connectionsMax)}` : ""}
        </Tile>
        <Tile name="Messages in" value={`${rate(now("publicationsPerSecond"))}/s`}>
          into the cluster
        </Tile>
        <Tile name="Deliveries" value={`${rate(now("deliveriesPerSecond"))}/s`}>
          to clients
        </Tile>
        <Tile name="Latency p99" value={duration(now("latencyP99Ms"))}>
          p50 {duration(now("latencyP50Ms"))}
        </Tile>
        <Tile name="Event-loop lag" value={duration(now("loopLagMs"))}>
          the worst shard
        </Tile>
        <Tile name="Memory" value={bytes(now("rssBytes"))}>
          {rate(now("cpuShare"))} cores busy
        </Tile>
        <Tile name="Kafka lag" value={streams.total === 0 ? UNKNOWN : count(now("kafkaLag"))}>
          {streams.total === 0 ? "no Kafka is read" : `${count(streams.total)} partitions`}
        </Tile>
        <Tile
          name="Bus"
          value={duration(now("busRoundTripMs"))}
          isBad={busStates.some((state) => state !== "connected")}
        >
          {busStates.join(", ") || bus}
        </Tile>
        <Tile name="Gaps" value={count(counted("gaps"))} isBad={counted("gaps") > 0}>
          lost for good, {coverage}
        </Tile>
        <Tile name="Repairs" value={count(counted("repairs"))}>
          read from the log, {coverage}
        </Tile>
        <Tile name="Refusals" value={count(counted("refusals"))}>
          of clients, {coverage}
        </Tile>
        <Tile name="Slow or broken" value={count(counted("slowClients"))}>
          clients cut off, {coverage}
        </Tile>
      </dl>
    </section>
  );
}

interface TileProps {
  readonly name: string;
  readonly value: string;
  readonly isBad?: boolean;
  readonly children?: preact.ComponentChildren;
}

function Tile({ name, value, isBad = false, children }: TileProps) {
  return (
    <div class={isBad ? "tile bad" : "tile"}>
      <dt>{name}</dt>
      <dd>{value}</dd>
      <dd class="note">{children}</dd>
    </div>
  );
}

function covered(samples: readonly Sample[]): number {
  return (samples.at(-1)?.[0] ?? 0) - (samples[0]?.[0] ?? 0);
}
