import type { KafkaConnectionOptions } from "@shardcast/server/kafka/options";
import type { Access } from "./access.ts";
import { type Found, makeReport } from "./findings.ts";
import { Generators } from "./generators.ts";
import { heardSinceMs } from "./heardSince.ts";
import { Publisher } from "./publisher.ts";
import type { Report, Sample } from "./report.ts";
import { Sampler } from "./sampler.ts";
import type { Scenario } from "./scenario.ts";
import { ServerWatch } from "./serverWatch.ts";
import { settle } from "./settle.ts";
import { sumOf } from "./sumOf.ts";

const TURN_MS = 50;
/** Where all were refused for so long, and nobody ever came in, the address is wrong or the server is not there. */
const HOPELESS_MS = 10_000;

export interface RunOptions {
  readonly scenario: Scenario;
  readonly access: Access;
  readonly kafka: KafkaConnectionOptions | undefined;
  /** Ends the run early; there is a report all the same. */
  readonly signal: AbortSignal;
  readonly onSample: (sample: Sample) => void;
  /** Their pids, once they run. */
  readonly onGenerators?: (pids: readonly number[]) => void;
}

/** Runs a scenario: starts the generators, publishes, looks at the servers every second, and says what came of it. */
export async function runLoadTest(options: RunOptions): Promise<Report> {
  const { scenario, access, kafka, signal } = options;
  const run = scenario.publish === "none" ? undefined : Math.floor(Math.random() * 2 ** 30);
  const ending = new AbortController();
  // A generator that is gone took its clients and its counts along: nothing that came after would be worth the time.
  const generators = new Generators(scenario, { run, access, onDeath: () => ending.abort() });
  options.onGenerators?.(generators.pids);
  const watch = new ServerWatch(scenario, access, kafka);
  const sampler = new Sampler(generators, watch, options.onSample);
  try {
    const ends = AbortSignal.any([signal, ending.signal]);
    const publisher = run === undefined ? undefined : new Publisher({ scenario, run, kafka, access });
    const found = await toEnd({ scenario, generators, sampler, publisher, ends });
    return makeReport({
      ...{ ...found, scenario, generators, publisher, samples: sampler.samples },
      ...{ scrapeFailures: watch.failures, startedAt: sampler.startedAt, wasInterrupted: signal.aborted },
    });
  } finally {
    sampler.end();
    generators.end();
    await watch.end();
  }
}

interface Parts {
  readonly scenario: Scenario;
  readonly generators: Generators;
  readonly sampler: Sampler;
  readonly publisher: Publisher | undefined;
  readonly ends: AbortSignal;
}

async function toEnd({ scenario, generators, sampler, publisher, ends }: Parts): Promise<Found> {
  const waitMs = scenario.waitSeconds * 1000;
  const wantedMs = (scenario.connections / scenario.connectionsPerSecond) * 1000;
  const rampStartedMs = performance.now();
  const nobodyCame = () => generators.total("handshakes") === 0 && sumOf(generators.counts("refused")) > 0;
  const isHopeless = () => performance.now() - rampStartedMs > HOPELESS_MS && nobodyCame();
  const haveCome = () => ends.aborted || generators.total("ready") >= scenario.connections || isHopeless();
  await waitFor(haveCome, wantedMs + waitMs);
  const rampSeconds = { took: (performance.now() - rampStartedMs) / 1000, wanted: wantedMs / 1000 };
  generators.tell({ type: "expect" });
  await sampler.fresh();
  const readyAtStart = generators.total("ready");
  const before = { deliveries: generators.total("deliveries"), cpuUs: generators.total("cpuUs") };
  const serverBefore = sampler.serverCpuSeconds;
  const heldFromMs = performance.now();
  const beganAtMs = Date.now();
  sampler.phase = "holding";
  generators.tell({ type: "disturb" });
  if (!ends.aborted && !nobodyCame()) publisher?.start();
  const { storm } = scenario;
  const storming =
    storm && setTimeout(() => generators.tell({ type: "storm", share: storm.share }), storm.atSeconds * 1000);
  await waitFor(() => ends.aborted || nobodyCame(), scenario.holdSeconds * 1000);
  clearTimeout(storming);
  const heldSeconds = (performance.now() - heldFromMs) / 1000;
  generators.tell({ type: "calm" });
  await sampler.fresh();
  // Without what comes while it settles: that was not delivered at this rate.
  const deliveriesHeld = generators.total("deliveries") - before.deliveries;
  const countedSeconds = (performance.now() - heldFromMs) / 1000;
  const stoppedAtMs = Date.now();
  sampler.phase = "settling";
  await publisher?.stop();
  // Who ends it early does not wait for clients that have not come by then.
  const isCutShort = () => ends.aborted || nobodyCame();
  const audit = {
    sent: publisher?.sent ?? [],
    failed: publisher?.failedNumbers ?? [],
    heardSinceMs: heardSinceMs(scenario, beganAtMs, stoppedAtMs),
  };
  await settle({ generators, connections: scenario.connections, audit, isCutShort }, waitMs);
  const isAudited = await generators.audit(audit, waitMs);
  await sampler.fresh();
  const deliveries = generators.total("deliveries") - before.deliveries;
  const perDelivery = (us: number) => (deliveries > 0 && us > 0 ? us / deliveries : undefined);
  return {
    ...{ rampSeconds, readyAtStart, readyAtEnd: generators.total("ready"), isAudited },
    heldSeconds,
    deliveriesPerSecond: deliveriesHeld / countedSeconds,
    cpuUsPerDelivery: {
      generator: perDelivery(generators.total("cpuUs") - before.cpuUs),
      server: perDelivery((sampler.serverCpuSeconds - serverBefore) * 1e6),
    },
  };
}

async function waitFor(holds: () => boolean, ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  while (!holds() && performance.now() < deadline) await Bun.sleep(TURN_MS);
}
