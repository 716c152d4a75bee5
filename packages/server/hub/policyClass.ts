import type { Publication } from "../publication.ts";
import type { EnvelopeText } from "./sendToTopics.ts";
import type { Topics } from "./topics.ts";

/** The subscriptions of one policy other than `lossless`. */
export interface PolicyClass {
  readonly topics: Topics;
  /** No value that waits here has its place in history before this. Undefined while none waits. */
  readonly unsentFrom: number | undefined;
  /** The publication's place in history is not before `position`. */
  publish(publication: Publication, text: EnvelopeText, position: number): void;
}

/** Of all classes. */
export interface PolicyCounters {
  deliveries: number;
  /** Messages that clients were not sent because a newer one follows: once for each client. */
  conflated: number;
  /** Newest values sent to clients that had been behind. */
  caughtUp: number;
  /** Values of a rate that were sent before their time because too much was waiting. */
  early: number;
}
