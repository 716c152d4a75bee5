import { encodeFrame } from "../bus/frameCodec.ts";
import { LOCAL_LOG_FRAME_TYPE, LOCAL_LOG_PATHS } from "./localWire.ts";
import { LogError, type RangeRequest, type RangeResult, type StreamLog } from "./log.ts";

export interface LocalLogServerOptions {
  /** Of the Unix socket. Whoever may open it may read the whole log. */
  readonly path: string;
  readonly log: StreamLog;
}

/** A stop for one answer, whatever was asked for; it holds at least one record. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

/** Serves a log to the shards of this instance, over HTTP on a Unix socket. */
export class LocalLogServer {
  readonly #log: StreamLog;
  readonly #server: Bun.Server<undefined>;

  /** Listens at once. Throws where the path is taken. */
  constructor(options: LocalLogServerOptions) {
    this.#log = options.log;
    this.#server = Bun.serve({ unix: options.path, fetch: (request) => this.#answer(request) });
  }

  async close(): Promise<void> {
    await this.#server.stop(true);
  }

  async #answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    try {
      if (url.pathname === LOCAL_LOG_PATHS.streams) return Response.json(await this.#log.streams());
      if (url.pathname !== LOCAL_LOG_PATHS.range) return new Response(null, { status: 404 });
      const range = parseRange(url.searchParams);
      if (range === undefined) return new Response(null, { status: 400 });
      return answerOf(range, await this.#log.read(range));
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      return Response.json({ code: error.code, message: error.message }, { status: 503 });
    }
  }
}

function parseRange(query: URLSearchParams): RangeRequest | undefined {
  const streamId = query.get("stream");
  const after = Number(query.get("after"));
  const through = Number(query.get("through"));
  const bytesMax = Math.min(Number(query.get("bytesMax")), ANSWER_BYTES_MAX);
  if (streamId === null || ![after, through, bytesMax].every(Number.isSafeInteger)) return undefined;
  return { streamId, after, through, bytesMax };
}

function answerOf({ streamId, after }: RangeRequest, result: RangeResult): Response {
  if (result.kind !== "read") return Response.json(result);
  const { publications, through } = result;
  const frame = encodeFrame({
    kind: "range",
    publisher: "",
    streamId,
    after,
    through,
    publications,
    omitted: [],
  });
  return new Response(new Uint8Array(frame), { headers: { "content-type": LOCAL_LOG_FRAME_TYPE } });
}
