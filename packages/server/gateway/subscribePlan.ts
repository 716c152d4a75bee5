import type { SubscribedChannel } from "@shardcast/protocol/messages";
import { RATES } from "@shardcast/protocol/policies";
import type { Access } from "../auth/access.ts";
import type { Hub } from "../hub/hub.ts";
import { isCovered, patternNames, type Topic } from "../hub/topics.ts";
import { PolicyConflicts } from "./policyConflicts.ts";
import type { Request, RequestedChannel } from "./requests.ts";

export type SubscribeRequest = Extract<Request, { type: "subscribe" }>;

/** What becomes of each channel that a client asks for. */
export interface SubscribePlan {
  readonly added: readonly RequestedChannel[];
  /** Asked-for channels whose messages this connection gets already. */
  readonly present: ReadonlySet<string>;
  readonly errors: readonly SubscribedChannel[];
}

export interface Subscriber {
  readonly topics: readonly Topic[];
  readonly access: Pick<Access, "allows">;
  readonly subscriptionsMax: number;
}

/** Which of the asked-for channels are new, known already, or refused. */
export function planSubscription(
  { channels }: SubscribeRequest,
  { topics, access, subscriptionsMax }: Subscriber,
): SubscribePlan {
  const known = new Set(topics.map((topic) => topic.name));
  const conflicts = conflictsOf(channels, topics);
  const patterns = patternNames(topics);
  const added: RequestedChannel[] = [];
  const present = new Set<string>();
  const errors: SubscribedChannel[] = [];
  for (const item of channels) {
    if (!item.valid) errors.push({ channel: item.channel.slice(0, 300), error: INVALID_CHANNEL });
    else if (!access.allows(item.channel)) errors.push({ channel: item.channel, error: CHANNEL_FORBIDDEN });
    else if (item.policy === undefined) errors.push({ channel: item.channel, error: POLICY_INVALID });
    else if (conflicts?.has(item.channel, item.policy) === true) {
      errors.push({ channel: item.channel, error: POLICY_CONFLICT });
    } else if (known.has(item.channel)) present.add(item.channel);
    else if (known.size + added.length >= subscriptionsMax) {
      errors.push({ channel: item.channel, error: TOO_MANY_SUBSCRIPTIONS });
    } else {
      added.push(item);
      conflicts?.add(item.channel, item.policy);
      if (isCovered(item.channel, patterns)) present.add(item.channel);
    }
  }
  return { added, present, errors };
}

/** Undefined where all is owed every message, as nearly always: then nothing can conflict. */
function conflictsOf(
  channels: readonly RequestedChannel[],
  topics: readonly Topic[],
): PolicyConflicts | undefined {
  const isAllLossless = channels.every(isLossless) && topics.every(({ policy }) => policy === "lossless");
  return isAllLossless ? undefined : new PolicyConflicts(topics);
}

/** A resume takes its time, and the token may have been replaced meanwhile. */
export function stillAllowed(plan: SubscribePlan, access: Pick<Access, "allows">): SubscribePlan {
  const revoked = plan.added.filter((item) => !access.allows(item.channel));
  if (revoked.length === 0) return plan;
  const errors = revoked.map(({ channel }) => ({ channel, error: CHANNEL_FORBIDDEN }));
  const added = plan.added.filter((item) => !revoked.includes(item));
  return { ...plan, added, errors: [...plan.errors, ...errors] };
}

/** What this shard has no room for may be asked for again later, or of another one. */
export function withinRoom(plan: SubscribePlan, { room }: Pick<Hub, "room">): SubscribePlan {
  const refused = plan.added.slice(room.left);
  if (refused.length === 0) return plan;
  room.refused += refused.length;
  const errors = refused.map(({ channel }) => ({ channel, error: SUBSCRIPTIONS_FULL }));
  return { ...plan, added: plan.added.slice(0, room.left), errors: [...plan.errors, ...errors] };
}

export function isLossless({ policy }: RequestedChannel): boolean {
  return policy === "lossless";
}

/** What the answer says of how a channel is served. */
export function policyServed({ policy }: RequestedChannel): Pick<SubscribedChannel, "policy" | "maxRate"> {
  if (typeof policy === "number") return { policy: "latest", maxRate: policy };
  return policy === "latest" ? { policy } : {};
}

const INVALID_CHANNEL = {
  code: "channel_invalid",
  message: "a channel is dot-separated letters, digits and _:@$=+~-, at most 255; it may end in .*",
} as const;
const CHANNEL_FORBIDDEN = {
  code: "channel_forbidden",
  message: "this client may not subscribe to all of that",
} as const;
const SUBSCRIPTIONS_FULL = {
  code: "subscriptions_full",
  message: "this instance has as many subscriptions as it may: try again later, or elsewhere",
} as const;
const POLICY_INVALID = {
  code: "policy_invalid",
  message: `\`policy\` is lossless or latest, \`maxRate\` a number from ${RATES[0]} on, with latest only`,
} as const;
const POLICY_CONFLICT = {
  code: "policy_conflict",
  message:
    "this connection has it, or what covers it or it covers, with another policy: unsubscribe that first, or use a second connection",
} as const;
const TOO_MANY_SUBSCRIPTIONS = {
  code: "too_many_subscriptions",
  message: "this connection has as many subscriptions as it may",
} as const;
