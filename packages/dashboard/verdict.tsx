import type { Finding, Overview } from "@shardcast/server/overview/shape";
import { useEffect, useState } from "preact/hooks";
import { span } from "./format.ts";
import type { Feed } from "./overviewFeed.ts";

interface Props {
  readonly feed: Feed;
  readonly overview: Overview;
}

/** So many names are said; of more, how many. */
const NAMES_MAX = 4;
/** What is shown is old then, and looks so. */
const STALE_MS = 7000;

/** One look: whether all is well, and what is wrong where it is not. */
export function Verdict({ feed, overview }: Props) {
  const ageMs = useAge(feed.answeredMs);
  const { error } = feed;
  if (error !== undefined && ageMs > STALE_MS && overview.drain.phase !== "none") {
    return (
      <section class="verdict degraded" aria-live="assertive">
        <h2>This instance has been taken out</h2>
        <p>
          {overview.self} has ended in order {span(ageMs)} ago; what stands below is as old as that. The
          others' dashboards are at their own admin ports.
        </p>
      </section>
    );
  }
  if (error !== undefined && ageMs > STALE_MS) {
    return (
      <section class="verdict unhealthy" aria-live="assertive">
        <h2>No word for {span(ageMs)}</h2>
        <p>
          {overview.self}: {error.message}. What stands below is as old as that; it is asked again every other
          second.
        </p>
      </section>
    );
  }
  const { findings, status, instances, lost } = overview;
  return (
    <section class={`verdict ${status}`} aria-live="polite">
      <h2>{status === "ok" ? "All is well" : headline(findings)}</h2>
      <p>
        {things(instances.length, "instance")}, {things(sum(instances, "shardsReady"), "shard")} ready of{" "}
        {sum(instances, "shardsTotal")}
        {lost.length > 0 && `, ${things(lost.length, "instance")} lost`}
        {overview.bus !== "none" && ` · bus between them: ${overview.bus}`}
      </p>
      {findings.length > 0 && (
        <ul>
          {findings.map((finding) => (
            <li key={`${finding.code} ${finding.message}`} class={finding.level}>
              <span class="level">{finding.level}</span>
              <span>
                {finding.instances.length > 0 && <strong>{named(finding.instances)} </strong>}
                {finding.message} <code>{finding.code}</code>
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function headline(findings: readonly Finding[]): string {
  const bad = findings.filter(({ level }) => level === "unhealthy").length;
  if (findings.every(({ code }) => code === "draining")) return "All is well, and a part is being taken out";
  if (bad === 0)
    return `Works, but ${findings.length === 1 ? "one thing is" : "some things are"} not as they should be`;
  return bad === 1 ? "One thing is wrong" : `${bad} things are wrong`;
}

function named(ids: readonly string[]): string {
  const names = ids.slice(0, NAMES_MAX).join(", ");
  return ids.length > NAMES_MAX ? `${names} and ${ids.length - NAMES_MAX} more:` : `${names}:`;
}

function things(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

function sum(instances: Overview["instances"], of: "shardsReady" | "shardsTotal"): number {
  return instances.reduce((total, instance) => total + instance[of], 0);
}

/** Time since then, looked at every second. */
function useAge(sinceMs: number): number {
  const [nowMs, setNowMs] = useState(performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(performance.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return Math.max(0, nowMs - sinceMs);
}
