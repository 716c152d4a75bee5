import type { Overview } from "@shardcast/server/overview/shape";
import { useState } from "preact/hooks";
import { count } from "./format.ts";

const SHOWN_AT_FIRST = 10;

/** Kafka's partitions, those that are furthest behind first. */
export function Streams({ streams: { most, total } }: { readonly streams: Overview["streams"] }) {
  const [all, setAll] = useState(false);
  const shown = all ? most : most.slice(0, SHOWN_AT_FIRST);
  const worst = most[0]?.lag ?? 0;
  return (
    <section id="partitions" class="panel">
      <div class="head">
        <h2>
          Kafka partitions <small>{total}</small>
        </h2>
      </div>
      {total === 0 ? (
        <p class="empty">
          No instance reads Kafka: records come over HTTP or from the demo. <code>--kafka-brokers</code> and{" "}
          <code>--kafka-topics</code> change that.
        </p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Partition</th>
              <th scope="col">Read by</th>
              <th scope="col">Lag</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ name, instance, shard, lag }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>
                  {instance}/{shard}
                </td>
                <td>
                  {count(lag)}{" "}
                  <meter value={worst === 0 ? 0 : lag / worst} max={1} aria-label={`${lag} records`} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {shown.length < most.length && (
        <button type="button" onClick={() => setAll(true)}>
          Show {most.length}
          {most.length < total && ` of ${total}, those with the most lag`}
        </button>
      )}
    </section>
  );
}
