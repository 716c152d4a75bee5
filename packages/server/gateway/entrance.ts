import type { Server } from "bun";
import { Access, type AccessControl, type AccessRefusal } from "../auth/access.ts";
import type { Admission, GatewayLoad } from "./admission.ts";
import { HandshakePace, type HandshakePaceOptions } from "./handshakePace.ts";
import { type RefusalCode, refusalResponse, retryAfter } from "./refusals.ts";

export interface EntranceOptions {
  readonly admission: Admission;
  readonly access: AccessControl;
  readonly load: () => GatewayLoad;
  readonly pace?: HandshakePaceOptions | undefined;
}

/** What every client goes through before it becomes a connection, by whatever transport it comes. */
export class Entrance {
  readonly pace: HandshakePace;
  /** Handshakes whose clients had gone before their turn. */
  left = 0;
  readonly #options: EntranceOptions;

  constructor(options: EntranceOptions) {
    this.#options = options;
    this.pace = new HandshakePace(options.pace);
  }

  /** The answer to a handshake, whose turn comes among all of them; undefined where there is none. */
  inTurn(
    request: Request,
    server: Pick<Server<unknown>, "requestIP">,
    handshake: () => Answer | Promise<Answer>,
  ): Response | Promise<Response> | undefined {
    if (this.pace.isFull) return this.#refused(this.#options.admission.refuseCrowd());
    const answer = this.pace.take((isLate) => {
      if (!isLate || server.requestIP(request) !== null) return handshake();
      this.left += 1;
      return undefined;
    });
    // After an upgrade the transport looks at no answer, but its type wants one of a promise.
    return answer instanceof Promise ? answer.then((found) => found ?? new Response(null)) : answer;
  }

  allowsOrigin(origin: string): boolean {
    return this.#options.admission.allowsOrigin(origin);
  }

  /** What the client may do, or the answer that refuses it. At once where there is no token to check. */
  admit(
    request: Request,
    url: URL,
    server: Pick<Server<unknown>, "requestIP">,
  ): Access | Response | Promise<Access | Response> {
    const { admission, access, load } = this.#options;
    // Before the token, because to look at that costs more.
    const refusal = admission.check(request, server.requestIP(request)?.address, load());
    if (refusal !== undefined) return this.#refused(refusal);
    const found = access.admit(request, url);
    if (!(found instanceof Promise)) return found instanceof Access ? found : this.#unauthorized(found);
    return found.then((late) => {
      if (!(late instanceof Access)) return this.#unauthorized(late);
      // Others came meanwhile.
      const lack = admission.checkAgain(load());
      return lack === undefined ? late : this.#refused(lack);
    });
  }

  /** The answer to what is refused for what it is, whoever it is from. */
  refuse(code: RefusalCode): Response {
    return this.#refused(this.#options.admission.refuse(code));
  }

  #refused(code: RefusalCode): Response {
    return refusalResponse(code, this.#options.admission.comeBackWithinS);
  }

  #unauthorized({ status, code, message }: AccessRefusal): Response {
    // An issuer that is away has everybody refused, who would else come back as one.
    const headers =
      status === 401 ? { "WWW-Authenticate": "Bearer" } : retryAfter(this.#options.admission.comeBackWithinS);
    return Response.json({ error: { code, message } }, { status, headers });
  }
}

/** After an upgrade there is none. */
type Answer = Response | undefined;
