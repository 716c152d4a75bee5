import { ABNORMAL_CLOSE } from "@shardcast/protocol/closeCodes";
import {
  type ClientMessage,
  type ServerMessage,
  SUBPROTOCOL,
  TOKEN_SUBPROTOCOL_PREFIX,
} from "@shardcast/protocol/messages";
import type { Encoding, FrameReader } from "./encoding.ts";
import { ShardcastError } from "./errors.ts";
import { parseServerMessages } from "./parse.ts";
import { OPEN, type WebSocketConstructor, type WebSocketLike } from "./webSocket.ts";

/** Characters of a malformed message that a report quotes. */
const QUOTED_CHARACTERS_MAX = 100;

/**
 * One connection from its first handshake to its end: it pings, notices when the other side is dead, and reports its
 * end exactly once. After that nothing of it is heard any more, whatever the socket still does.
 */
export class Connection {
  readonly #socket: WebSocketLike;
  readonly #options: ConnectionOptions;
  readonly #handler: ConnectionHandler;
  /** Nothing is handed out any more. */
  #isDeaf = false;
  #ended = false;
  /** What the runtime says of a broken socket. */
  #fault = "";
  #lastId = 0;
  /** Runs from the welcome on. */
  #pingTimer: ReturnType<typeof setInterval> | undefined;
  /** Ends the connection unless something arrives: first the welcome, later the answer to a ping. */
  #deadTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, options: ConnectionOptions, handler: ConnectionHandler) {
    const { WebSocket, token, encoding } = options;
    this.#options = options;
    this.#handler = handler;
    this.#socket = new WebSocket(
      encoding?.address(url) ?? url,
      // Browsers let a page send nothing else along but the URL, which ends up in logs.
      token === undefined ? [SUBPROTOCOL] : [SUBPROTOCOL, TOKEN_SUBPROTOCOL_PREFIX + token],
    );
    this.#socket.binaryType = "arraybuffer";
    const read: FrameReader = encoding?.reader() ?? ((frame, then) => then(frame));
    this.#socket.addEventListener("message", ({ data }) => {
      if (this.#pingTimer !== undefined && !this.#isDeaf) this.#heard();
      read(data, (text) => this.#handOut(text));
    });
    // Frames that came before may have to be decoded yet.
    this.#socket.addEventListener("close", ({ code, reason }) => read("", () => this.#end(code, reason)));
    // A close event follows each error, but in Node 22 not that of a handshake. Without a listener `ws` would throw.
    this.#socket.addEventListener("error", ({ message }) => {
      if (typeof message === "string") this.#fault = message.trim();
      setTimeout(() => read("", () => this.#end(ABNORMAL_CLOSE, "")));
    });
    this.#expectTraffic(options.connectTimeoutMs, "no welcome in time");
  }

  /** Ids are unique per connection. */
  nextId(): number {
    return ++this.#lastId;
  }

  /** What is sent while the socket is closing is lost; its end is reported soon, and a resume repeats requests. */
  send(message: ClientMessage): void {
    if (this.#socket.readyState === OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** The answer carries a fresh mark. */
  ping(): void {
    if (this.#isDeaf) return;
    this.send({ type: "ping", id: this.nextId() });
    this.#expectTraffic(this.#options.pongTimeoutMs, "no answer to a ping");
  }

  /** Hands out nothing more and closes cleanly; the end is reported when the other side has agreed, or after `timeoutMs`. */
  close(timeoutMs: number): void {
    this.#stop();
    this.#deadTimer = setTimeout(() => this.#end(1000, "closed"), timeoutMs);
    this.#closeSocket();
  }

  /** Gives the connection up and reports its end at once. */
  drop(reason: string, isSilent = false): void {
    this.#end(ABNORMAL_CLOSE, reason, isSilent);
    this.#closeSocket();
  }

  #closeSocket(): void {
    // 1000 is the one code besides 3000-4999 that browsers let a page send.
    this.#socket.close(1000);
  }

  #handOut(text: unknown): void {
    for (const message of parseServerMessages(text)) {
      if (this.#isDeaf) return;
      if (message === undefined) this.#onMalformed(text);
      else if (message.type !== "welcome") this.#handler.onMessage(message);
      else if (this.#pingTimer === undefined) {
        this.#pingTimer = setInterval(() => this.ping(), message.pingIntervalMs);
        this.#heard();
        this.#handler.onWelcome(message.instance);
      }
    }
  }

  #onMalformed(text: unknown): void {
    const isLost = text === undefined;
    const quote = typeof text === "string" ? text.slice(0, QUOTED_CHARACTERS_MAX) : "binary data";
    this.#handler.onMalformed(new ShardcastError("malformed", `ignored: ${quote}`), isLost);
    // The next connection resumes from before it.
    if (isLost) this.drop("undecodable frame");
  }

  #heard(): void {
    clearTimeout(this.#deadTimer);
    this.#deadTimer = undefined;
  }

  #expectTraffic(timeoutMs: number, complaint: string): void {
    // An earlier deadline stands: pings that follow one another faster than they time out must not postpone it.
    this.#deadTimer ??= setTimeout(() => this.drop(complaint, true), timeoutMs);
  }

  #stop(): void {
    this.#isDeaf = true;
    this.#heard();
    clearInterval(this.#pingTimer);
  }

  #end(code: number, reason: string, isSilent = false): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stop();
    this.#handler.onEnd(code, reason, isSilent, this.#fault);
  }
}

export interface ConnectionOptions {
  readonly WebSocket: WebSocketConstructor;
  readonly token: string | undefined;
  readonly encoding: Encoding | undefined;
  readonly connectTimeoutMs: number;
  readonly pongTimeoutMs: number;
}

export interface ConnectionHandler {
  onWelcome(instance: string): void;
  onMessage(message: ServerMessage): void;
  /** `isLost` where a frame could not be decoded: then the connection ends. */
  onMalformed(error: ShardcastError, isLost: boolean): void;
  /**
   * Called once. 1006 stands for every end without a close frame. `isSilent` where it was given up because nothing was heard
   * in time. `fault` is for people, and may be empty.
   */
  onEnd(code: number, reason: string, isSilent: boolean, fault: string): void;
}
