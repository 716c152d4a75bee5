import { z } from "zod";
import { FrameError } from "../bus/frame.ts";
import { decodeFrame } from "../bus/frameCodec.ts";
import { LOCAL_LOG_FRAME_TYPE, LOCAL_LOG_PATHS } from "./localWire.ts";
import { LogError, type LogStream, type RangeRequest, type RangeResult, type StreamLog } from "./log.ts";

export interface LocalLogReaderOptions {
  /** Of the supervisor's Unix socket. */
  readonly path: string;
  /** The supervisor answers from memory, so whoever takes longer is hung. */
  readonly timeoutMs?: number;
  /** As `StreamLog` has it. */
  readonly isHearsay?: boolean;
}

const TIMEOUT_MS = 5_000;

/** More than any answer has: a stretch up to the server's own stop, and one record of any size that HTTP publish takes. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

const STREAMS = z.array(
  z.object({
    id: z.string(),
    name: z.string(),
    earliest: z.number(),
    next: z.number(),
    isOlder: z.boolean().optional(),
  }),
);

const NOT_READ = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("lost"),
    through: z.number(),
    reason: z.enum(["retention", "truncated", "unreadable", "gone"]),
  }),
  z.object({ kind: z.literal("truncated"), next: z.number() }),
  z.object({
    kind: z.literal("gone"),
    isEndUnknown: z.boolean().optional(),
    isComplete: z.boolean().optional(),
  }),
]);

const REFUSAL = z.object({ code: z.enum(["log_unavailable", "log_unreadable"]), message: z.string() });

/** The supervisor's log, read in a shard. A supervisor that is gone or hung is `log_unavailable`. */
export class LocalLogReader implements StreamLog {
  readonly isHearsay: boolean;
  readonly #path: string;
  readonly #timeoutMs: number;
  readonly #closing = new AbortController();

  constructor(options: LocalLogReaderOptions) {
    this.isHearsay = options.isHearsay ?? false;
    this.#path = options.path;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  async streams(): Promise<LogStream[]> {
    const { body } = await this.#get(LOCAL_LOG_PATHS.streams);
    return parsed(STREAMS, body);
  }

  async read(request: RangeRequest): Promise<RangeResult> {
    const { streamId, after, through, bytesMax, signal } = request;
    const query = `stream=${encodeURIComponent(streamId)}&after=${after}&through=${through}&bytesMax=${bytesMax}`;
    const { type, body } = await this.#get(`${LOCAL_LOG_PATHS.range}?${query}`, signal);
    if (type !== LOCAL_LOG_FRAME_TYPE) return parsed(NOT_READ, body);
    const frame = decoded(body);
    if (frame.kind !== "range" || frame.streamId !== streamId || frame.after !== after) {
      throw new LogError("log_unreadable", "the supervisor's log answered for another range");
    }
    return { kind: "read", publications: frame.publications, through: frame.through };
  }

  close(): Promise<void> {
    this.#closing.abort(new LogError("log_unavailable", "the reader is closed"));
    return Promise.resolve();
  }

  async #get(path: string, signal?: AbortSignal): Promise<{ type: string | null; body: Uint8Array }> {
    const signals = [this.#closing.signal, AbortSignal.timeout(this.#timeoutMs)];
    if (signal !== undefined) signals.push(signal);
    try {
      const response = await fetch(`http://log${path}`, {
        unix: this.#path,
        signal: AbortSignal.any(signals),
      });
      if (Number(response.headers.get("content-length")) > ANSWER_BYTES_MAX) {
        throw new LogError("log_unreadable", "the supervisor's log answered with too many bytes");
      }
      const body = new Uint8Array(await response.arrayBuffer());
      if (response.ok) return { type: response.headers.get("content-type"), body };
      if (response.status !== 503) throw new LogError("log_unreadable", `HTTP status ${response.status}`);
      const refusal = parsed(REFUSAL, body);
      throw new LogError(refusal.code, refusal.message);
    } catch (error) {
      if (error instanceof LogError) throw error;
      throw new LogError("log_unavailable", "the supervisor's log does not answer", { cause: error });
    }
  }
}

function parsed<T>(schema: z.ZodType<T>, body: Uint8Array): T {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(body)));
  } catch (cause) {
    throw new LogError("log_unreadable", "the supervisor's log answered what is not understood", { cause });
  }
}

function decoded(body: Uint8Array): ReturnType<typeof decodeFrame> {
  try {
    return decodeFrame(body);
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    throw new LogError("log_unreadable", "the supervisor's log answered a malformed frame", { cause: error });
  }
}
