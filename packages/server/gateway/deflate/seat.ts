import type { ClientSocket } from "../clientSocket.ts";
import type { Group, Groups } from "./groups.ts";

/** Where a client that takes deflated frames gets its messages from: one group, or, without room for it, the plain topics. */
export class Seat {
  /** Texts for this client alone, as frames. */
  readonly framesOf: (texts: readonly string[]) => Iterable<string | Uint8Array>;
  readonly #groups: Groups;
  #group: Group | undefined;
  /** Topics that it is on without a group. */
  #plain: readonly string[] = [];

  constructor(groups: Groups, framesOf: Seat["framesOf"]) {
    this.#groups = groups;
    this.framesOf = framesOf;
  }

  /** Listens to exactly these topics from now on. */
  move(socket: ClientSocket, names: readonly string[]): void {
    this.#leaveTopics(socket);
    if (names.length === 0) return;
    this.#group = this.#groups.join(names);
    if (this.#group === undefined) this.#plain = names;
    for (const name of this.#topics) socket.subscribe(name);
  }

  /** The client is gone. */
  close(): void {
    if (this.#group !== undefined) this.#groups.leave(this.#group);
    this.#group = undefined;
  }

  /** Before something else is sent to the client, so that all keeps its order. */
  flush(): void {
    if (this.#group !== undefined) this.#groups.flush(this.#group);
  }

  /**
   * Calls back when nothing waits that was published before: a mark told then covers what was sent and no more. Not `flush`, because
   * all of a big group ask so often that nothing would ever wait.
   */
  afterBatch(fn: () => void): void {
    if (this.#group === undefined) fn();
    else this.#groups.afterBatch(this.#group, fn);
  }

  /** The transport's topic by which what is published to `name` comes here, with nothing left that would come by it. */
  place(name: string): string {
    this.flush();
    return this.#group?.topic ?? name;
  }

  get #topics(): readonly string[] {
    return this.#group === undefined ? this.#plain : [this.#group.topic];
  }

  #leaveTopics(socket: ClientSocket): void {
    this.flush();
    for (const name of this.#topics) socket.unsubscribe(name);
    this.close();
    this.#plain = [];
  }
}
