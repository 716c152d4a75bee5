import { type Client, connect } from "@shardcast/client";
import { ShardcastError } from "@shardcast/client/errors";
import type { DataMessage } from "@shardcast/protocol/messages";
import { count } from "./format.ts";

export interface ExplorerMessage extends Omit<DataMessage, "data"> {
  /** The payload as JSON, cut where it is long: a page that keeps hundreds of whole ones may come to hold hundreds of MB. */
  readonly text: string;
  /** When it came, in ms since 1970. */
  readonly receivedMs: number;
  /** Brought by a resume: it was sent while this page was disconnected. */
  readonly isReplayed: boolean;
  /** Counts the messages of the session. */
  readonly number: number;
}

export interface ExplorerState {
  readonly status: "idle" | "connecting" | "connected" | "reconnecting" | "disconnected" | "closed";
  /** Newest first, the last few hundred. */
  readonly messages: readonly ExplorerMessage[];
  readonly received: number;
  /** What the last resume brought; undefined before one. */
  readonly resume: { readonly replayed: number; readonly recovered: boolean } | undefined;
  /** What went wrong last. */
  readonly error: string | undefined;
  /** From where a resume would go on: marks and cursors. */
  readonly positions: readonly string[];
}

export const IDLE: ExplorerState = {
  status: "idle",
  ...{ messages: [], received: 0, resume: undefined, error: undefined, positions: [] },
};

const MESSAGES_MAX = 200;
/** Of one payload. */
const TEXT_CHARACTERS_MAX = 4000;
/** A fast channel must not paint the page anew for each of its messages. */
const TELL_MS = 100;

/**
 * One channel watched through the SDK. A disconnect forgets the client altogether and keeps its positions, as a page that
 * is closed would; the resume begins with nothing but these.
 */
export class ExplorerSession {
  readonly #url: string;
  readonly #channel: string;
  readonly #token: string | undefined;
  readonly #onState: (state: ExplorerState) => void;
  #client: Client | undefined;
  #state = IDLE;
  #mark: string | undefined;
  /** The last cursor of each stream. */
  readonly #cursors = new Map<string, string>();
  #telling: ReturnType<typeof setTimeout> | undefined;
  /** Until the server's answer: what comes before that was missed. */
  #isResuming = false;

  constructor(
    target: { readonly url: string; readonly channel: string; readonly token: string | undefined },
    onState: (state: ExplorerState) => void,
  ) {
    this.#url = target.url;
    this.#channel = target.channel;
    this.#token = target.token;
    this.#onState = onState;
  }

  begin(): void {
    this.#open({ snapshot: true });
  }

  disconnect(): void {
    this.#drop();
    this.#change({ status: "disconnected" });
  }

  resume(): void {
    this.#isResuming = true;
    this.#change({ resume: undefined });
    this.#open({ since: this.#positions });
  }

  end(): void {
    this.#drop();
    clearTimeout(this.#telling);
  }

  get #positions(): readonly string[] {
    return [...(this.#mark === undefined ? [] : [this.#mark]), ...this.#cursors.values()];
  }

  #open(options: { readonly snapshot?: boolean; readonly since?: readonly string[] }): void {
    const before = this.#state.received;
    const isResume = this.#isResuming;
    const client = connect(this.#url, {
      ...(this.#token !== undefined && { token: this.#token }),
      onStatus: (status) => this.#client === client && this.#change({ status }),
      onError: (error) => this.#client === client && this.#change({ error: inWords(error) }),
      onGap: ({ channel, reason }) =>
        this.#client === client && this.#change({ error: `a gap in ${channel}: ${reason}` }),
    });
    this.#client = client;
    this.#change({ status: client.status, error: undefined });
    try {
      const subscription = client.subscribe(this.#channel, (message) => this.#receive(message), options);
      subscription.ready.then(
        ({ mark, recovered }) => {
          this.#mark = mark;
          this.#isResuming = false;
          const replayed = this.#state.received - before;
          this.#change({ error: undefined, ...(isResume && { resume: { replayed, recovered } }) });
        },
        // A disconnect before the answer is no error.
        (error: unknown) => this.#client === client && this.#change({ error: inWords(error) }),
      );
    } catch (error) {
      this.#drop();
      this.#change({ status: "closed", error: inWords(error) });
    }
  }

  #receive({ data, ...message }: DataMessage): void {
    const streamId = message.cursor.slice(0, message.cursor.indexOf(":"));
    this.#cursors.set(streamId, message.cursor);
    const received = this.#state.received + 1;
    const [receivedMs, isReplayed] = [Date.now(), this.#isResuming];
    const shown = { ...message, text: shortened(data), receivedMs, isReplayed, number: received };
    const messages = [shown, ...this.#state.messages.slice(0, MESSAGES_MAX - 1)];
    this.#change({ messages, received });
  }

  #drop(): void {
    const client = this.#client;
    this.#client = undefined;
    void client?.close();
  }

  #change(change: Partial<ExplorerState>): void {
    this.#state = { ...this.#state, ...change, positions: this.#positions };
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      this.#onState(this.#state);
    }, TELL_MS);
  }
}

function shortened(data: unknown): string {
  const text = JSON.stringify(data);
  if (text.length <= TEXT_CHARACTERS_MAX) return text;
  const left = text.length - TEXT_CHARACTERS_MAX;
  return `${text.slice(0, TEXT_CHARACTERS_MAX)} … and ${count(left)} characters more`;
}

/** The SDK's errors have few words where their code says it all. */
function inWords(error: unknown): string {
  if (!(error instanceof ShardcastError)) return error instanceof Error ? error.message : String(error);
  const { code, message } = error;
  const text = message === code ? WORDS[code] : message;
  return text === undefined ? code : `${text} (${code})`;
}

const WORDS: Readonly<Record<string, string>> = {
  channel_invalid: "this is not a channel name or pattern: BTC.trade, BTC.*",
};
