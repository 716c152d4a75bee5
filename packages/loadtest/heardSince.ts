import type { Scenario } from "./scenario.ts";

/** What a client that comes in the middle of it may miss, and what is on its way to it. */
const COMING_MS = 2000;

/**
 * Clients that have been there since this time, in ms since 1970, must have got something on each of their channels: all who
 * were there when publishing began, unless that was for too short a time for each channel's turn, and of those who came
 * later the ones for whom each turn came. Judged when all that is late has had its time, so that no latency counts.
 */
export function heardSinceMs(
  { channels, messagesPerSecond, publish, holdSeconds }: Scenario,
  beganAtMs: number,
  stoppedAtMs: number,
): number {
  // Somebody else publishes, at a rate that nobody knows.
  if (publish === "none") return stoppedAtMs - holdSeconds * 1000;
  const turnsMs = (2 * 1000 * channels.length) / messagesPerSecond;
  const ofLaterMs = stoppedAtMs - COMING_MS - turnsMs;
  return stoppedAtMs - beganAtMs >= turnsMs ? Math.max(beganAtMs, ofLaterMs) : ofLaterMs;
}
