import { createHash } from "node:crypto";
import { STREAM_ID_LENGTH } from "@shardcast/protocol/cursor";

/**
 * The id of a stream: 36 bits of SHA-256 over topic, topic id and partition, in base 36. A topic deleted and created
 * anew has another topic id and so is another stream. Among 1,000 streams two collide with a probability of about
 * 7e-6; a collision is refused at start.
 */
export function streamIdOf(topic: string, topicId: string, partition: number): string {
  const digest = createHash("sha256")
    .update(JSON.stringify([topic, topicId, partition]))
    .digest();
  const bits = digest.readUIntBE(0, 6) % 36 ** STREAM_ID_LENGTH;
  return bits.toString(36).padStart(STREAM_ID_LENGTH, "0");
}

/** Two streams with the same id could not be told apart in cursors: only other topics can mend that. */
export class StreamCollisionError extends Error {
  override readonly name = "StreamCollisionError";
  readonly code = "stream_id_collision";
  constructor(streamId: string, one: string, other: string) {
    super(`${one} and ${other} have the same stream id ${streamId}. Create one of the topics anew.`);
  }
}
