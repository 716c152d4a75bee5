import type { Scenario } from "./scenario.ts";

/** A scenario as it may be in a report. */
export function withoutSecrets(scenario: Scenario): Scenario {
  const { urls, admins, redis, nats } = scenario;
  return {
    ...{ ...scenario, urls: urls.map(withoutSecret), admins: admins.map(withoutSecret) },
    ...(redis !== undefined && { redis: withoutSecret(redis) }),
    ...(nats !== undefined && { nats: withoutSecret(nats) }),
  };
}

/** What stands before the host of a URL, or as a token in its query, is nobody's business who reads a report. */
export function withoutSecret(text: string): string {
  return text.replace(/\/\/\S*@/g, "//").replace(/([?&](?:token|key|password)=)[^&#\s]*/gi, "$1(secret)");
}
