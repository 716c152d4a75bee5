import { CLOSE_CODES } from "@shardcast/protocol/closeCodes";
import type { RequestErrorCode, ServerMessage } from "@shardcast/protocol/messages";
import type { Access } from "../auth/access.ts";
import { isCovered } from "../hub/topics.ts";
import type { ClientSocket } from "./clientSocket.ts";
import type { SharedContext } from "./connectionContext.ts";
import type { Seat } from "./deflate/seat.ts";
import { LastValues } from "./lastValues.ts";
import { Listening } from "./listening.ts";
import { MadeInTurn, PacedTask, type PacedWork } from "./pacedTask.ts";
import {
  type AuthRequest,
  parseRequest,
  type Refusal,
  type Request,
  type RequestedChannel,
} from "./requests.ts";
import { Resume } from "./resume.ts";
import { planResume, type ResumeFrom } from "./resumePlan.ts";
import { SeenElsewhere } from "./seenElsewhere.ts";
import {
  isLossless,
  planSubscription,
  policyServed,
  type SubscribePlan,
  type SubscribeRequest,
  stillAllowed,
  withinRoom,
} from "./subscribePlan.ts";

/**
 * One client, and the answers to its requests. There are very many of these, so it holds little, and what a replay needs
 * only while it lasts. Requests are answered strictly in their order, also while a replay waits for the client or the log: so a
 * mark, in whatever answer, covers all that was sent before it. Only a ping overtakes a replay, and gets no mark then.
 */
export class Connection {
  silentLooks = 0;
  #rateState = 0;
  #refusals = 0;
  #running: Running | undefined = undefined;
  readonly #context: SharedContext;
  readonly #access: Access;
  readonly #listening: Listening;

  constructor(context: SharedContext, access: Access, seat?: Seat) {
    this.#context = context;
    this.#access = access;
    this.#listening = new Listening(context, seat);
  }

  /** Undefined once the client is gone. */
  get socket(): ClientSocket | undefined {
    return this.#listening.socket;
  }

  get takesDeflate(): boolean {
    return this.#listening.takesDeflate;
  }

  opened(socket: ClientSocket): void {
    this.#listening.socket = socket;
    this.#watchAccess();
  }

  /** From where the client would go on if it came back now. */
  get mark(): string {
    return this.#context.hub.markOf(this.#listening);
  }

  get burstBytes(): number {
    return this.#listening.burstBytes;
  }

  receive(text: string): void {
    const { rate, counters, limits } = this.#context;
    counters.requests += 1;
    const request = parseRequest(text, limits.subscriptionsMax);
    const rateState = rate.take(this.#rateState);
    // Parsed all the same, because a refusal carries the id of what it refuses.
    if (rateState === undefined)
      return this.refuse(request.id, "too_many_requests", "too many requests: slow down");
    this.#rateState = rateState;
    const running = this.#running;
    if (running === undefined || request.type === "refused" || request.type === "auth")
      return this.#answer(request);
    // A ping asks whether this side lives, and the client gives the connection up when nobody answers in time. No mark
    // goes with it: where the replay has not reached, a mark of now would skip what is still to come.
    if (request.type === "ping") return this.#send({ type: "pong", id: request.id });
    // Kept as text: a request of 64 KiB may take ten times that when parsed.
    const bytes = running.waitingBytes + text.length;
    const { length } = running.waiting;
    if (length >= limits.waitingRequestsMax || (length > 0 && bytes > WAITING_BYTES_MAX)) {
      return this.refuse(request.id, "too_many_requests", "too many requests are waiting behind a resume");
    }
    running.waiting.push(text);
    running.waitingBytes = bytes;
  }

  refuse(id: Refusal["id"], code: RequestErrorCode, message: string): void {
    this.#context.counters.refusals += 1;
    this.#refusals += 1;
    this.#send(id === undefined ? { type: "error", code, message } : { type: "error", id, code, message });
    if (this.#refusals >= this.#context.limits.refusalsMax) {
      this.socket?.close(CLOSE_CODES.policy.code, "too many refused requests");
    }
  }

  /** The client is to come back after this time, and so elsewhere. It goes on receiving until then. */
  askToReconnect(afterMs: number, reason: string): void {
    this.#send({ type: "reconnect", afterMs, reason });
  }

  /** The client has taken what was buffered for it. */
  drained(): void {
    this.#running?.task.drained();
    this.#listening.drained();
  }

  closed(): void {
    this.#listening.close();
    this.#access.stop();
    this.#running?.task.close();
    this.#end();
  }

  #watchAccess(): void {
    this.#access.begin(
      (expiresInMs) => this.#send({ type: "token_expiring", expiresInMs }),
      () => this.socket?.close(CLOSE_CODES.tokenExpired.code, CLOSE_CODES.tokenExpired.reason),
    );
  }

  async #authenticate({ id, token }: AuthRequest): Promise<void> {
    if (this.#access.isRenewing)
      return this.refuse(id, "too_many_requests", "a token is being checked already");
    const fault = await this.#access.renew(token);
    if (this.socket === undefined) return;
    if (fault !== undefined) return this.refuse(id, fault.code, fault.message);
    const revoked = this.#listening.names.filter((name) => !this.#access.allows(name));
    this.#listening.remove(revoked);
    const expiresAtMs = this.#access.expiresAtMs ?? 0;
    this.#send({ type: "authenticated", id, expiresAtMs, ...(revoked.length > 0 && { revoked }) });
    this.#watchAccess();
  }

  #answer(request: Request | AuthRequest | Refusal): void {
    switch (request.type) {
      case "refused":
        return this.refuse(request.id, request.code, request.message);
      case "auth":
        // What is no answer but a defect of ours ends the shard, as any other.
        void this.#authenticate(request);
        return;
      case "ping":
        return this.#pong(request.id);
      case "unsubscribe":
        this.#listening.remove(request.channels);
        return this.#send({ type: "unsubscribed", id: request.id, channels: request.channels });
      case "subscribe":
        return this.#subscribe(request);
    }
  }

  #pong(id: number): void {
    this.#listening.afterPublished(() => this.#send({ type: "pong", id, mark: this.mark }));
  }

  /** After an outage thousands resume in the same moment. So what a resume needs is found in its turn among them. */
  #subscribe(request: SubscribeRequest): void {
    const { socket } = this;
    const { since } = request;
    if (since === undefined || socket === undefined)
      return this.#join(request, this.#plan(request), NOT_RECOVERED);
    // What comes of channels that it has comes live from here on, also before that turn.
    const { end } = this.#context.hub.history;
    const work = new MadeInTurn(() => this.#resume(request, { since, end }, running));
    const running = this.#begin(work, socket);
    running.task.wake();
  }

  #plan(request: SubscribeRequest): SubscribePlan {
    const subscriber = {
      topics: this.#listening.topics,
      access: this.#access,
      subscriptionsMax: this.#context.limits.subscriptionsMax,
    };
    return withinRoom(planSubscription(request, subscriber), this.#context.hub);
  }

  /** Undefined where there is nothing to replay: then it is answered at once. */
  #resume(request: SubscribeRequest, from: ResumeFrom, running: Running): Resume | undefined {
    // Before a resume, which is much work for what will be refused.
    const plan = this.#plan(request);
    const { topics } = this.#listening;
    const context = this.#context;
    const resumePlan = planResume(request, plan, from, { topics, context });
    if (resumePlan === undefined) {
      const waiting = this.#end();
      this.#join(request, plan, NOT_RECOVERED);
      this.#goOnWith(waiting);
      return undefined;
    }
    const { asked, already, held, replay } = resumePlan;
    const { hub, limits, replayLimits, waits, counters } = context;
    const resume = new Resume({
      replay,
      waits,
      behindMsMax: replayLimits.behindMsMax,
      pieceBytes: limits.replayBufferBytes,
      send: (texts) => {
        counters.replayedMessages += texts.length;
        for (const text of texts) counters.replayedBytes += text.length;
        this.#listening.sendTexts(texts);
      },
      finish: (recovered, seenMoreOf) => {
        const waiting = this.#end();
        if (this.socket === undefined) return;
        const change = (channel: string, isPaused: boolean) => this.#listening.pause(channel, isPaused);
        const seen = () => new SeenElsewhere({ owner: this.#listening, asked, already, change });
        const skips = seenMoreOf.length === 0 || hub.ahead.add(seenMoreOf, seen());
        this.#join(request, plan, { recovered: recovered && skips, lacking: held?.lacking ?? NONE });
        this.#goOnWith(waiting);
      },
    });
    running.promised = plan.added.length;
    hub.room.promised += running.promised;
    resume.begin(running.task);
    return resume;
  }

  #begin(work: PacedWork, socket: ClientSocket): Running {
    const { replays: queue, limits } = this.#context;
    const task = new PacedTask(socket, { queue, work, bufferBytes: limits.replayBufferBytes });
    const running = { task, promised: 0, waiting: [], waitingBytes: 0 };
    this.#running = running;
    return running;
  }

  /** Ends what is under way. Returns the requests that have waited for that. */
  #end(): string[] {
    const running = this.#running;
    if (running === undefined) return [];
    running.task.end();
    this.#context.hub.room.promised -= running.promised;
    this.#running = undefined;
    return running.waiting;
  }

  /** Handles requests that have waited, until one of them is something that others wait for. */
  #goOnWith(waiting: readonly string[]): void {
    for (const text of waiting) {
      // A send can be what cuts the client off.
      if (this.socket === undefined) return;
      const running = this.#running;
      if (running !== undefined) {
        running.waiting.push(text);
        running.waitingBytes += text.length;
        continue;
      }
      this.#answer(parseRequest(text, this.#context.limits.subscriptionsMax));
    }
  }

  /** Joins the topics and answers. Nothing else happens between the end of a replay and this: the seam is exact. */
  #join(request: SubscribeRequest, planned: SubscribePlan, { recovered, lacking }: Resumed): void {
    const { hub, counters } = this.#context;
    const plan = stillAllowed(planned, this.#access);
    const asked = request.since !== undefined;
    const had = new Set(plan.present.size > 0 ? this.#listening.names : []);
    // What this connection had when it asked may have been revoked since.
    const isLost = ({ channel }: RequestedChannel) =>
      plan.present.has(channel) && !had.has(channel) && !isCovered(channel, had);
    const isRecovered = (item: RequestedChannel) =>
      !asked || !isLossless(item) || (recovered && !lacking.has(item.channel) && !isLost(item));
    if (asked && plan.added.some(isLossless)) {
      counters[plan.added.every(isRecovered) ? "resumed" : "notRecovered"] += 1;
    }
    const acquire = (item: RequestedChannel) => hub.topicsOf(item.policy ?? "lossless").acquire(item.channel);
    if (plan.added.length > 0) this.#listening.add(plan.added.map(acquire));
    const refused = new Set(plan.errors.map(({ channel }) => channel));
    const taken = request.channels.filter((item) => item.valid && !refused.has(item.channel));
    const channels = taken.map((item) => ({
      channel: item.channel,
      recovered: isRecovered(item),
      ...policyServed(item),
    }));
    this.#send({
      type: "subscribed",
      id: request.id,
      mark: this.mark,
      channels: [...plan.errors, ...channels],
    });
    const getsLastValue = (item: RequestedChannel) =>
      asked ? !isRecovered(item) || !isLossless(item) : item.snapshot;
    this.#sendLastValues(taken.filter(getsLastValue));
  }

  /** The first piece goes out at once, and so all of it as a rule. */
  #sendLastValues(items: readonly RequestedChannel[]): void {
    const { socket } = this;
    if (items.length === 0 || socket === undefined) return;
    const values = new LastValues({
      history: this.#context.hub.history,
      names: items.map((item) => item.channel),
      pieceBytes: this.#context.limits.replayBufferBytes,
      send: (texts) => this.#listening.sendTexts(texts),
      finish: () => this.#goOnWith(this.#end()),
    });
    this.#begin(values, socket).task.step(() => false);
  }

  #send(message: ServerMessage): void {
    this.#listening.send(message);
  }
}

/** How a resume has ended. */
interface Resumed {
  readonly recovered: boolean;
  /** Of what was asked for, those of which something was not sent all the same: see `HeldChannels`. */
  readonly lacking: ReadonlySet<string>;
}

const NONE: ReadonlySet<never> = new Set();
const NOT_RECOVERED: Resumed = { recovered: false, lacking: NONE };

/** What others wait for: a resume, or last values. */
interface Running {
  readonly task: PacedTask;
  /** Subscriptions that it will become. */
  promised: number;
  /** Requests behind it, as they came. */
  readonly waiting: string[];
  waitingBytes: number;
}

/** Characters of all requests that wait behind a resume; one always may. */
const WAITING_BYTES_MAX = 64 * 1024;
