import { ABNORMAL_CLOSE } from "@shardcast/protocol/closeCodes";
import {
  type ClientMessage,
  type ServerMessage,
  SUBPROTOCOL,
  TOKEN_SUBPROTOCOL_PREFIX,
} from "@shardcast/protocol/messages";
import type { Encoding, FrameReader } from "./encoding.ts";
import type { ConnectOptions } from "./options.ts";
import { parseServerMessages } from "./parse.ts";
import { OPEN, type WebSocketConstructor } from "./webSocket.ts";

export interface ConnectionOptions extends Pick<ConnectOptions, "connectTimeoutMs" | "pongTimeoutMs"> {
  readonly WebSocket: WebSocketConstructor;
  readonly token: string | undefined;
  readonly encoding: Encoding | undefined;
}

type WithoutId<Message> = Message extends unknown ? Omit<Message, "id"> : never;

export interface Connection {
  /**
   * Returns the id of the request, unique per connection. What is sent while the socket is closing is lost; its end is
   * reported soon, and a resume repeats requests.
   */
  ask(message: WithoutId<ClientMessage>): number;
  /** The answer carries a fresh mark. */
  sendPing(): void;
  /** Hands out nothing more and closes cleanly; the end is reported when the other side has agreed, or after `timeoutMs`. */
  closeWithin(timeoutMs: number): void;
  /** Gives the connection up and reports its end at once. */
  abandon(reason: string): void;
}

/**
 * One connection from its first handshake to its end: it pings, notices when the other side is dead, and reports its
 * end exactly once. After that nothing of it is heard any more, whatever the socket still does.
 */
export function openConnection(
  url: string,
  { WebSocket, token, encoding, connectTimeoutMs = 10_000, pongTimeoutMs = 10_000 }: ConnectionOptions,
  /** Begins with the one `welcome`. */
  onMessage: (message: ServerMessage) => void,
  /** What is no message; undefined where the frame could not even be decoded. */
  onMalformed: (text: unknown) => void,
  /**
   * Called once. 1006 stands for every end without a close frame; `reason` is then for people. `isSilent` where it was given
   * up because nothing was heard in time.
   */
  onEnd: (code: number, reason: string, isSilent?: boolean) => void,
): Connection {
  /** Nothing is handed out any more. */
  let isDeaf = false;
  let isOver = false;
  /** What the runtime says of a broken socket. */
  let fault = "";
  let lastId = 0;
  /** Runs from the welcome on. */
  let pingTimer: ReturnType<typeof setInterval> | undefined;
  /** Ends the connection unless something arrives: first the welcome, later the answer to a ping. */
  let deadTimer: ReturnType<typeof setTimeout> | undefined;

  function ask(message: WithoutId<ClientMessage>): number {
    const id = ++lastId;
    if (socket.readyState === OPEN) socket.send(JSON.stringify({ id, ...message }));
    return id;
  }

  function sendPing(): void {
    ask({ type: "ping" });
    expectTraffic(pongTimeoutMs, "no answer to a ping");
  }

  function heard(): void {
    clearTimeout(deadTimer);
    deadTimer = undefined;
  }

  function expectTraffic(timeoutMs: number, complaint: string): void {
    // An earlier deadline stands: pings that follow one another faster than they time out must not postpone it.
    deadTimer ??= setTimeout(() => abandon(complaint, true), timeoutMs);
  }

  function handOut(text: unknown): void {
    for (const message of parseServerMessages(text)) {
      if (isDeaf) return;
      if (message?.type === "welcome") {
        if (pingTimer) continue;
        pingTimer = setInterval(sendPing, message.pingIntervalMs);
        heard();
      }
      if (message) onMessage(message);
      else onMalformed(text);
    }
  }

  function stop(): void {
    isDeaf = true;
    heard();
    clearInterval(pingTimer);
  }

  function end(code: number, reason?: string, isSilent?: boolean): void {
    if (isOver) return;
    isOver = true;
    stop();
    onEnd(code, reason || fault, isSilent);
  }

  function abandon(reason: string, isSilent?: boolean): void {
    end(ABNORMAL_CLOSE, reason, isSilent);
    // 1000 is the one code besides 3000-4999 that browsers let a page send.
    socket.close(1000);
  }

  const socket = new WebSocket(
    encoding?.address(url) ?? url,
    // Browsers let a page send nothing else along but the URL, which ends up in logs.
    token ? [SUBPROTOCOL, TOKEN_SUBPROTOCOL_PREFIX + token] : [SUBPROTOCOL],
  );
  socket.binaryType = "arraybuffer";
  const read: FrameReader = encoding?.reader() ?? ((frame, then) => then(frame));
  socket.addEventListener("message", ({ data }) => {
    if (pingTimer && !isDeaf) heard();
    read(data, handOut);
  });
  // Frames that came before may have to be decoded yet.
  socket.addEventListener("close", ({ code, reason }) => read("", () => end(code, reason)));
  // A close event follows each error, but in Node 22 not that of a handshake. Without a listener `ws` would throw.
  socket.addEventListener("error", ({ message }) => {
    fault = `${message ?? ""}`.trim();
    setTimeout(() => read("", () => end(ABNORMAL_CLOSE)));
  });
  expectTraffic(connectTimeoutMs, "no welcome in time");

  return {
    ask,
    sendPing,
    abandon,
    closeWithin(timeoutMs) {
      stop();
      deadTimer = setTimeout(end, timeoutMs, 1000, "closed");
      socket.close(1000);
    },
  };
}
