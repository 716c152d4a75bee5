import { STREAM_ID_LENGTH } from "@shardcast/protocol/cursor";
import { z } from "zod";

/** The first byte: neither a frame's nor a heartbeat's, which travel beside these. */
const MAGIC = 0xc7;
const VERSION = 1;
const PREAMBLE_BYTES = 6;
/** The part in JSON is small; what is larger is somebody else's. */
const HEADER_BYTES_MAX = 4 * 1024;
/** What an answer takes beside its frame, at most. */
export const PEER_OVERHEAD_BYTES = PREAMBLE_BYTES + HEADER_BYTES_MAX;

const text = z.string().max(256);
/** What marks can hold: they would take anything else for a number without end. */
const id = z.string().regex(new RegExp(`^[0-9a-z]{${STREAM_ID_LENGTH}}$`));
const offset = z.number().int().min(-1).max(Number.MAX_SAFE_INTEGER);

const SCHEMA = z.discriminatedUnion("type", [
  /** Says what the sender's stream holds: sent once a second, and when somebody asks who is there. */
  z.object({
    type: z.literal("stream"),
    streamId: id,
    name: text,
    earliest: offset,
    next: offset,
    /** How long ago the stream began. */
    ageMs: z.number().nonnegative(),
    /** Nothing will be added any more: its owner is ending. */
    isEnded: z.boolean(),
  }),
  /** An instance that has just connected asks for the streams of all. */
  z.object({ type: z.literal("who") }),
  /** Asks the owner of a stream for (after, through]. */
  z.object({
    type: z.literal("ask"),
    id: text,
    streamId: id,
    after: offset,
    through: offset,
    bytesMax: z.number().int().positive(),
  }),
  /** The owner's answer. With "read" a range frame follows. */
  z.object({
    type: z.literal("answer"),
    id: text,
    streamId: id,
    result: z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("read") }),
      z.object({
        kind: z.literal("lost"),
        through: offset,
        reason: z.enum(["retention", "truncated", "unreadable", "gone"]),
      }),
      z.object({ kind: z.literal("truncated"), next: offset }),
    ]),
  }),
]);

/** What instances say to each other about the logs in their memories. */
export type PeerMessage = z.infer<typeof SCHEMA>;

export interface DecodedPeerMessage {
  readonly message: PeerMessage;
  /** What follows the message: a frame, in an answer. A view. */
  readonly frame: Uint8Array;
}

const NO_FRAME = new Uint8Array(0);

/** Layout: magic, version, length of the JSON as 32 bits, the JSON, the frame. */
export function encodePeerMessage(message: PeerMessage, frame: Uint8Array = NO_FRAME): Uint8Array {
  const header = Buffer.from(JSON.stringify(message));
  const preamble = Buffer.alloc(PREAMBLE_BYTES);
  preamble[0] = MAGIC;
  preamble[1] = VERSION;
  preamble.writeUInt32BE(header.length, 2);
  return Buffer.concat([preamble, header, frame]);
}

export function isPeerMessage(bytes: Uint8Array): boolean {
  return bytes[0] === MAGIC;
}

/** undefined for what is no such message: the bus is shared, and a newer version may say more than this one knows. */
export function decodePeerMessage(bytes: Uint8Array): DecodedPeerMessage | undefined {
  if (bytes.length < PREAMBLE_BYTES || bytes[0] !== MAGIC || bytes[1] !== VERSION) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(2);
  const end = PREAMBLE_BYTES + length;
  if (length > HEADER_BYTES_MAX || end > bytes.length) return undefined;
  try {
    const parsed = SCHEMA.safeParse(JSON.parse(Buffer.from(bytes.subarray(PREAMBLE_BYTES, end)).toString()));
    return parsed.success ? { message: parsed.data, frame: bytes.subarray(end) } : undefined;
  } catch {
    return undefined;
  }
}
