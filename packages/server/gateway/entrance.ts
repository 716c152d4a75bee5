import type { Server } from "bun";
import { Access, type AccessControl, type AccessRefusal } from "../auth/access.ts";
import type { Admission, GatewayLoad } from "./admission.ts";
import type { ClientAddress } from "./clientAddress.ts";
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
  /** Handshakes whose clients had gone before their turn, or while their token was looked at. */
  abandoned = 0;
  readonly #options: EntranceOptions;

  constructor(options: EntranceOptions) {
    this.#options = options;
    this.pace = new HandshakePace(options.pace);
  }

  allowsOrigin(origin: string): boolean {
    return this.#options.admission.allowsOrigin(origin);
  }

  /**
   * What `open` makes of a client that is let in, or the answer that refuses it. At once where there is no token to check
   * and this turn has time for it.
   */
  admit<T>(
    request: Request,
    url: URL,
    server: Pick<Server<unknown>, "requestIP">,
    open: (access: Access) => T,
  ): T | Response | Promise<T | Response> {
    const { admission } = this.#options;
    const address = admission.addresses.of(server.requestIP(request)?.address, request.headers);
    const handshake = { request, url, server, address, open };
    if (this.pace.mayBegin()) return this.#admit(handshake);
    if (this.pace.isFull) return this.#refused(admission.refuseCrowd());
    const leavePlace = admission.rate.wait(address, this.pace.areFewLeft);
    if (leavePlace === undefined) return this.#refused(admission.refuse("address_rate"));
    return this.pace.wait(() => {
      leavePlace();
      return this.#hasLeft(handshake) ? answerToNobody() : this.#admit(handshake);
    });
  }

  #admit<T>(handshake: Handshake<T>): T | Response | Promise<T | Response> {
    const { admission, access, load } = this.#options;
    const { request, url, address, open } = handshake;
    // Before the token, because to look at that costs more.
    const refusal = admission.check(request, address, load());
    if (refusal !== undefined) return this.#refused(refusal);
    const found = access.admit(request, url);
    if (!(found instanceof Promise)) return found instanceof Access ? open(found) : this.#unauthorized(found);
    return found.then((late) => {
      if (this.#hasLeft(handshake)) return answerToNobody();
      if (!(late instanceof Access)) return this.#unauthorized(late);
      // Others came meanwhile. From here to where it is open nobody else may: each would see the same last place.
      const lack = admission.checkAgain(load());
      return lack === undefined ? open(late) : this.#refused(lack);
    });
  }

  #hasLeft({ request, server }: Pick<Handshake<unknown>, "request" | "server">): boolean {
    if (server.requestIP(request) !== null) return false;
    this.abandoned += 1;
    return true;
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

interface Handshake<T> {
  readonly request: Request;
  readonly url: URL;
  readonly server: Pick<Server<unknown>, "requestIP">;
  readonly address: ClientAddress | undefined;
  readonly open: (access: Access) => T;
}

/** The transport wants one all the same. */
function answerToNobody(): Response {
  return new Response(null);
}
