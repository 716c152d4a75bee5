import type { Overview, OverviewInstance } from "@shardcast/server/overview/shape";
import { useState } from "preact/hooks";
import { InstanceRow } from "./instanceRow.tsx";

/** With more, those that are well are shown when they are asked for. */
const SHOWN_AT_FIRST = 12;
const RANK = { unhealthy: 0, degraded: 1, ok: 2 } as const;

const COLUMNS: ReadonlyArray<{
  readonly name: string;
  readonly title?: string;
  readonly by: (instance: OverviewInstance) => number | string;
}> = [
  { name: "Instance", by: ({ id }) => id },
  { name: "Shards", by: ({ shardsReady, shardsTotal }) => shardsReady - shardsTotal },
  { name: "Connections", by: ({ connections }) => -connections },
  { name: "In/s", title: "Messages in per second", by: (instance) => -instance.publicationsPerSecond },
  { name: "Out/s", title: "Deliveries per second", by: (instance) => -instance.deliveriesPerSecond },
  { name: "p99", title: "Latency, 99th percentile", by: ({ vitals }) => -(vitals?.latencyP99Ms ?? -1) },
  { name: "Loop lag", title: "Event-loop lag", by: ({ vitals }) => -(vitals?.loopLagMs ?? -1) },
  { name: "Memory", by: ({ rssBytes }) => -rssBytes },
  { name: "CPU", title: "Cores busy", by: ({ cpuShare }) => -cpuShare },
  { name: "Bus", title: "State and round trip", by: ({ vitals }) => -(vitals?.busRoundTripMs ?? -1) },
  { name: "Kafka lag", by: ({ vitals }) => -(vitals?.kafkaLag ?? -1) },
  { name: "Gaps", by: ({ vitals }) => -(vitals?.gaps ?? 0) },
  { name: "Repairs", by: ({ vitals }) => -(vitals?.repairs ?? 0) },
  { name: "Refused", by: ({ vitals }) => -(vitals?.refusals ?? 0) },
  {
    name: "Slow",
    title: "Clients that broke or were cut off",
    by: ({ vitals }) => -(vitals?.slowClients ?? 0),
  },
];

export function Instances({ overview }: { readonly overview: Overview }) {
  const { instances, lost } = overview;
  const [filter, setFilter] = useState("");
  const [order, setOrder] = useState<string | undefined>(undefined);
  const [all, setAll] = useState(false);
  const found = sorted(instances, order).filter(({ id, region, role, status }) =>
    `${id} ${region} ${role} ${status}`.includes(filter.trim().toLowerCase()),
  );
  const troubled = found.filter(({ status }) => status !== "ok").length;
  const shown = all || filter !== "" ? found : found.slice(0, Math.max(SHOWN_AT_FIRST, troubled));
  return (
    <section id="instances" class="panel">
      <div class="head">
        <h2>
          Instances <small>{instances.length}</small>
        </h2>
        {instances.length > SHOWN_AT_FIRST && (
          <label>
            <span class="hidden">Filter instances</span>
            <input
              type="search"
              placeholder="name, region, role, status"
              value={filter}
              onInput={(event) => setFilter(event.currentTarget.value)}
            />
          </label>
        )}
      </div>
      {instances.length > SHOWN_AT_FIRST && <InstanceMap instances={instances} onChoose={setFilter} />}
      {lost.length > 0 && (
        <p class="lost">
          Lost: {lost.map(({ id, connections }) => `${id} (had ${connections} clients)`).join(", ")}
        </p>
      )}
      <div class="scroll">
        <table class="cards">
          <thead>
            <tr>
              {COLUMNS.map(({ name, title }) => (
                <th key={name} scope="col" aria-sort={order === name ? "ascending" : "none"}>
                  <button
                    type="button"
                    title={title ?? name}
                    onClick={() => setOrder(order === name ? undefined : name)}
                  >
                    {name}
                    {order === name && " ↓"}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((instance) => (
              <InstanceRow
                key={instance.boot}
                instance={instance}
                nowMs={overview.nowMs}
                width={COLUMNS.length}
              />
            ))}
          </tbody>
        </table>
      </div>
      {found.length === 0 && <p class="empty">No instance is like that.</p>}
      {shown.length < found.length && (
        <button type="button" onClick={() => setAll(true)}>
          Show all {found.length}
        </button>
      )}
      {all && found.length > SHOWN_AT_FIRST && filter === "" && (
        <button type="button" onClick={() => setAll(false)}>
          Show the first {Math.max(SHOWN_AT_FIRST, troubled)}
        </button>
      )}
    </section>
  );
}

/** Many instances at a glance, a square each. */
function InstanceMap({
  instances,
  onChoose,
}: {
  readonly instances: readonly OverviewInstance[];
  readonly onChoose: (id: string) => void;
}) {
  return (
    <div class="map">
      {instances.map(({ boot, id, status, connections, connectionsMax }) => (
        <button
          key={boot}
          type="button"
          class={status}
          title={`${id}: ${status}, ${connections} of ${connectionsMax} clients`}
          onClick={() => onChoose(id)}
        >
          <span class="hidden">
            {id}: {status}
          </span>
        </button>
      ))}
    </div>
  );
}

/** Those in trouble first, unless another order was asked for. */
function sorted(instances: readonly OverviewInstance[], order: string | undefined): OverviewInstance[] {
  const by = COLUMNS.find(({ name }) => name === order)?.by ?? (({ status }) => RANK[status]);
  return [...instances].sort((a, b) => {
    const [first, second] = [by(a), by(b)];
    if (first !== second) return first < second ? -1 : 1;
    return a.id < b.id ? -1 : 1;
  });
}
