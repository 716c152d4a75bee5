/** What one sample of the history holds, in this order. */
export const COLUMNS = [
  "atMs",
  "instances",
  "connections",
  "publicationsPerSecond",
  "deliveriesPerSecond",
  "latencyP50Ms",
  "latencyP99Ms",
  "loopLagMs",
  "rssBytes",
  "cpuShare",
  "kafkaLag",
  "busRoundTripMs",
  "gaps",
  "repairs",
  "refusals",
  "slowClients",
] as const;
export type HistoryColumn = (typeof COLUMNS)[number];
