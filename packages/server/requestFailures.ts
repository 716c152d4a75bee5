import { Seldom } from "./seldom.ts";

/** Who finds a defect may repeat it as often as it likes. */
const SAID_MS = 1_000;

/** Requests that failed by a defect of ours: each counts, the log has one of each second, and clients are told no more than that. */
export class RequestFailures {
  count = 0;
  readonly #log: (error: Error) => void;
  readonly #say = new Seldom(SAID_MS);

  constructor(log: (error: Error) => void) {
    this.#log = log;
  }

  /** For the transport, whose own answer to an exception shows pieces of the source. */
  readonly answer = (error: Error): Response => {
    this.count += 1;
    if (this.#say.take() !== undefined) this.#log(error);
    const message = "the server failed at this request: its log says why";
    return Response.json({ error: { code: "internal_error", message } }, { status: 500 });
  };
}
