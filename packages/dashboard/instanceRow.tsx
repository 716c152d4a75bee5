import type { OverviewInstance } from "@shardcast/server/overview/shape";
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { bytes, count, duration, percent, rate, span, UNKNOWN } from "./format.ts";

interface Props {
  readonly instance: OverviewInstance;
  readonly nowMs: number;
  /** Columns of the table. */
  readonly width: number;
}

export function InstanceRow({ instance, nowMs, width }: Props) {
  const [isOpen, setIsOpen] = useState(false);
  const {
    id,
    region,
    role,
    status,
    ageMs,
    isSelf,
    isSilent,
    startedMs,
    vitals,
    connections,
    connectionsMax,
  } = instance;
  const figures: ReadonlyArray<readonly [name: string, value: ComponentChildren]> = [
    ["Shards", <ShardSquares key="shards" instance={instance} />],
    ["Connections", <Share key="share" value={connections} max={connectionsMax} />],
    ["In/s", rate(instance.publicationsPerSecond)],
    ["Out/s", rate(instance.deliveriesPerSecond)],
    ["p99", duration(vitals?.latencyP99Ms)],
    ["Loop lag", duration(vitals?.loopLagMs)],
    ["Memory", bytes(instance.rssBytes)],
    ["CPU", rate(instance.cpuShare)],
    [
      "Bus",
      vitals?.busState === "connected" ? duration(vitals.busRoundTripMs) : (vitals?.busState ?? UNKNOWN),
    ],
    ["Kafka lag", count(vitals?.kafkaLag)],
    ["Gaps", count(vitals?.gaps)],
    ["Repairs", count(vitals?.repairs)],
    ["Refused", count(vitals?.refusals)],
    ["Slow", count(vitals?.slowClients)],
  ];
  return (
    <>
      <tr class={status}>
        <th scope="row">
          <button type="button" class="opener" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
            <span class={`dot ${status}`} />
            {id}
            <span class="hidden">, {status}</span>
          </button>
          <small>
            {[
              ...[region, role],
              isSilent ? `silent for ${span(ageMs)}, in no sum` : `up ${span(nowMs - startedMs)}`,
              isSelf ? "this one" : "",
            ]
              .filter(Boolean)
              .join(" · ")}
          </small>
        </th>
        {figures.map(([name, value]) => (
          <td key={name} data-name={name}>
            {value}
          </td>
        ))}
      </tr>
      {isOpen && (
        <tr class="detail">
          <td colSpan={width}>
            <Detail instance={instance} />
          </td>
        </tr>
      )}
    </>
  );
}

function ShardSquares({ instance }: { readonly instance: OverviewInstance }) {
  const { vitals, shardsReady, shardsTotal } = instance;
  if (vitals === undefined) return <>{`${shardsReady}/${shardsTotal}`}</>;
  return (
    <span class="squares">
      {vitals.shards.map(({ shard, state }) => (
        <i key={shard} class={state} title={`shard ${shard}: ${state}`} />
      ))}
      <span>
        {shardsReady}/{shardsTotal}
      </span>
    </span>
  );
}

function Share({ value, max }: { readonly value: number; readonly max: number }) {
  const share = max > 0 ? value / max : 0;
  return (
    <span title={max > 0 ? `${percent(share)} of ${count(max)}` : "it serves no clients"}>
      {count(value)}
      {max > 0 && (
        <meter value={share} max={1} low={0.8} high={0.95} optimum={0} aria-label={percent(share)} />
      )}
    </span>
  );
}

function Detail({ instance: { vitals, version, ageMs } }: { readonly instance: OverviewInstance }) {
  if (vitals === undefined) return <p>Version {version} tells no more.</p>;
  return (
    <>
      {vitals.problems.map(({ check, status, value, message }) => (
        <p key={check} class={`problem ${status}`}>
          <code>{check}</code> {message} ({value})
        </p>
      ))}
      <table>
        <thead>
          <tr>
            {["Shard", "State", "Connections", "p99", "Loop lag", "CPU", "Memory", "Restarts"].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {vitals.shards.map((shard) => (
            <tr key={shard.shard}>
              <th scope="row">{shard.shard}</th>
              <td>
                <span class={`dot ${shard.state}`} /> {shard.state}
              </td>
              <td>{count(shard.connections)}</td>
              <td>{duration(shard.latencyP99Ms)}</td>
              <td>{duration(shard.loopLagMs)}</td>
              <td>{percent(shard.cpuShare)}</td>
              <td>{bytes(shard.rssBytes)}</td>
              <td>{count(shard.restarts)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="note">
        Version {version}, last heard of {duration(ageMs)} ago. Counters are of this instance's start.
      </p>
    </>
  );
}
