import type { SubscriptionPolicy } from "@shardcast/protocol/policies";
import type { Recipient } from "./recipient.ts";
import type { ReplayGuard } from "./replayGuard.ts";

/**
 * From where a channel has to be resumed: a list of marks and cursors of its own, or `shared`, the position of the
 * whole client; undefined where it begins with what comes next, because the server has not yet answered.
 */
export type Anchor = readonly string[] | "shared" | undefined;

/** One subscribed channel or pattern and everyone who listens to it. */
export class ChannelState {
  readonly name: string;
  readonly policy: SubscriptionPolicy;
  readonly recipients = new Set<Recipient>();
  anchor: Anchor;
  /** On the present connection: `idle` is not requested yet, `live` is answered. */
  phase: "idle" | "asked" | "live" = "idle";
  /** Exists while this channel has messages that its anchor does not cover. */
  guard: ReplayGuard | undefined;
  /** The server did not understand the position, and the channel began anew. */
  positionRefused = false;
  /** Whether a last value is everybody's: it stands for what all have missed when a resume fails. */
  #snapshotForAll = false;
  readonly #snapshotFor = new Set<Recipient>();

  constructor(name: string, anchor: Anchor, policy: SubscriptionPolicy = "lossless") {
    this.name = name;
    this.policy = policy;
    this.anchor = anchor;
  }

  get isPattern(): boolean {
    return this.name.endsWith(".*");
  }

  /** A live channel is asked for once more where somebody who came later wants its last value. */
  get needsRequest(): boolean {
    return this.phase === "idle" || (this.phase === "live" && this.wantsSnapshot);
  }

  get wantsSnapshot(): boolean {
    for (const recipient of this.recipients) if (recipient.snapshot === "wanted") return true;
    return false;
  }

  /** Who is to get a last value that has arrived: the server sends it to all who listen, not all have asked. */
  takeSnapshotRecipients(): readonly Recipient[] {
    if (this.#snapshotForAll) return [...this.recipients];
    const recipients = [...this.#snapshotFor];
    // A pattern has a last value for each of its channels.
    if (!this.isPattern) this.#snapshotFor.clear();
    return recipients;
  }

  /** Returns whether the recipient was one. */
  leave(recipient: Recipient): boolean {
    this.#snapshotFor.delete(recipient);
    return this.recipients.delete(recipient);
  }

  requested(): void {
    if (this.phase === "idle") {
      this.phase = "asked";
      this.#snapshotForAll = this.anchor !== undefined || this.positionRefused;
      this.#snapshotFor.clear();
    }
    for (const recipient of this.recipients) {
      if (recipient.snapshot !== "wanted") continue;
      recipient.snapshot = "asked";
      this.#snapshotFor.add(recipient);
    }
  }

  answered(position: readonly string[], recovered: boolean): void {
    // Of other policies the last value is all that a resume brings.
    if (recovered && this.policy === "lossless") this.#snapshotForAll = false;
    if (this.phase !== "live") this.anchor = position;
    this.phase = "live";
    for (const recipient of this.recipients) if (recipient.snapshot === "asked") recipient.snapshot = "none";
  }

  /** The request has failed, or its connection has ended: it has to be made again. */
  postpone(): void {
    for (const recipient of this.recipients)
      if (recipient.snapshot === "asked") recipient.snapshot = "wanted";
    if (this.phase === "asked") this.phase = "idle";
  }

  disconnected(): void {
    this.postpone();
    this.phase = "idle";
  }
}
