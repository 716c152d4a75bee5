import type { Since } from "@shardcast/protocol/mark";
import type { Topic } from "../hub/topics.ts";
import type { SharedContext } from "./connectionContext.ts";
import { HeldChannels } from "./heldChannels.ts";
import { Replay } from "./replay.ts";
import { isLossless, type SubscribePlan, type SubscribeRequest } from "./subscribePlan.ts";
import { WantedChannels } from "./wantedChannels.ts";

/** From where on a client wants what it has missed. */
export interface ResumeFrom {
  readonly since: Since;
  /** History's end when it asked: what comes later of channels that it has comes to it live. */
  readonly end: number;
}

/** What one resume has to bring. */
export interface ResumePlan {
  /** Channels and patterns that are new on this connection and owed every message. */
  readonly asked: readonly string[];
  /** Those that it had before. */
  readonly already: readonly string[];
  readonly held: HeldChannels | undefined;
  readonly replay: Replay;
}

/** Undefined where there is nothing to replay. */
export function planResume(
  { channels }: SubscribeRequest,
  { added, present }: SubscribePlan,
  { since, end }: ResumeFrom,
  { topics, context }: { readonly topics: readonly Topic[]; readonly context: SharedContext },
): ResumePlan | undefined {
  const { hub, log, replayLimits: limits, now } = context;
  // Of others only the newest counts, and that comes after the answer.
  const asked = added.filter(isLossless).map(({ channel }) => channel);
  const already = topics.map(({ name }) => name);
  const wanted = new WantedChannels(asked, already);
  const had = channels.filter((item) => isLossless(item) && present.has(item.channel));
  const names = [...asked, ...had.map(({ channel }) => channel)];
  if (names.length === 0) return undefined;
  const held = HeldChannels.of(names, already, end);
  const replay = new Replay({ hub, log, limits, wanted, held, since, nowMs: now() });
  // Nobody waits until this shard is there for what is not sent.
  if (!replay.isPossible || (wanted.isEmpty && replay.ahead.length > 0)) return undefined;
  return { asked, already, held, replay };
}
