import { patternsOf } from "@shardcast/protocol/channel";
import type { SubscriptionPolicy } from "@shardcast/protocol/policies";

/**
 * What one connection asks for with which policy. A message comes once however many subscriptions cover it, so what covers it
 * must agree on what it is owed: two names of which one covers the other can not have two policies. One look-up for each
 * segment of a name, however many there are.
 */
export class PolicyConflicts {
  readonly #policies = new Map<string, SubscriptionPolicy>();
  /** For each pattern, whether anybody subscribed to it or not, the policy of what it covers. */
  readonly #below = new Map<string, SubscriptionPolicy | "several">();

  constructor(subscribed: Iterable<{ readonly name: string; readonly policy: SubscriptionPolicy }>) {
    for (const { name, policy } of subscribed) this.add(name, policy);
  }

  has(name: string, policy: SubscriptionPolicy): boolean {
    const isOther = (found: SubscriptionPolicy | "several" | undefined) =>
      found !== undefined && found !== policy;
    return (
      isOther(this.#policies.get(name)) ||
      isOther(this.#below.get(name)) ||
      patternsOf(name).some((pattern) => isOther(this.#policies.get(pattern)))
    );
  }

  add(name: string, policy: SubscriptionPolicy): void {
    this.#policies.set(name, policy);
    for (const pattern of patternsOf(name)) {
      if (pattern === name) continue;
      const known = this.#below.get(pattern);
      this.#below.set(pattern, known === undefined || known === policy ? policy : "several");
    }
  }
}
