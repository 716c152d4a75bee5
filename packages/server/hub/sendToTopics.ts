import { patternsOf } from "@shardcast/protocol/channel";
import type { Topic, Topics } from "./topics.ts";

/** Sends one text to every client that listens to the topic. */
export type Broadcast = (topic: string, text: string) => void;

/** An envelope that is decoded once, however many topics it goes to, and not at all where nobody listens. */
export class EnvelopeText {
  readonly #decoder = new TextDecoder();
  #envelope: Uint8Array | undefined;
  #text: string | undefined;

  of(envelope: Uint8Array): this {
    this.#envelope = envelope;
    this.#text = undefined;
    return this;
  }

  get value(): string {
    // A string goes out as a text frame.
    this.#text ??= this.#decoder.decode(this.#envelope);
    return this.#text;
  }
}

/** Sends an envelope to every topic that its channel belongs to and somebody listens to. Returns to how many clients. */
export function sendToTopics(
  topics: Topics,
  channel: string,
  text: EnvelopeText,
  broadcast: Broadcast,
): number {
  let listeners = sendToTopic(topics.get(channel), text, broadcast);
  if (!topics.hasPatterns) return listeners;
  for (const name of patternsOf(channel)) listeners += sendToTopic(topics.pattern(name), text, broadcast);
  return listeners;
}

function sendToTopic(topic: Topic | undefined, text: EnvelopeText, broadcast: Broadcast): number {
  if (topic === undefined || topic.listeners === 0) return 0;
  broadcast(topic.transport, text.value);
  return topic.listeners;
}
