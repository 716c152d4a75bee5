import type { Scenario } from "./scenario.ts";

const CONNECTIONS_MAX = 15_000;
/** At up to 7 µs for each delivery, most of which is the kernel's, this keeps a generator at half a core. */
const DELIVERIES_PER_SECOND_MAX = 80_000;

export interface Machine {
  readonly cores: number;
  /** That one process may hold. */
  readonly connectionsMax: number;
}

/** How many processes the clients are shared among: as files demand, and beyond that as load and cores suggest. */
export function generatorCount(scenario: Scenario, { cores, connectionsMax }: Machine): number {
  const { connections, messagesPerSecond, spike } = scenario;
  const needed = Math.ceil(connections / Math.min(CONNECTIONS_MAX, Math.max(1, connectionsMax)));
  const rate = messagesPerSecond * Math.max(1, spike?.factor ?? 1);
  const deliveries = connections * rate * shareOfChannels(scenario);
  const useful = Math.min(cores, connections, Math.ceil(deliveries / DELIVERIES_PER_SECOND_MAX));
  return Math.max(needed, useful);
}

function shareOfChannels({ choose, channels, channelsPerClient }: Scenario): number {
  if (choose === "all") return 1;
  return Math.min(1, (choose === "one" ? 1 : channelsPerClient) / channels.length);
}
