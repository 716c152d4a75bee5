import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type ServerFrame, serverFrames } from "./serverFrames.fixture.ts";

export type Transport = "plain" | "tls";

/** A TCP connection that sends exactly the bytes it is told: what no WebSocket client would do. */
export class RawSocket {
  received = "";
  /** Resolves when the connection has ended, from whichever side. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes) => {
      this.received += bytes.toString("latin1");
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        resolve();
        this.#wake();
      });
    });
    // A close follows each error; what is written after it is nobody's.
    socket.on("error", () => {});
  }

  static open(port: number, transport: Transport = "plain"): Promise<RawSocket> {
    return new Promise((resolve, reject) => {
      const done = () => resolve(new RawSocket(socket));
      const socket: Socket =
        transport === "plain"
          ? connect(port, "127.0.0.1", done)
          : connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }, done);
      socket.once("error", reject);
    });
  }

  /** Completes a WebSocket handshake. */
  static async upgraded(port: number, path = "/ws", transport?: Transport): Promise<RawSocket> {
    const socket = await RawSocket.open(port, transport);
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    await socket.until('"type":"welcome"');
    return socket;
  }

  /** Of the close frame that the server sent last, if any. */
  get closeCode(): number | undefined {
    const frame = this.frames.findLast(({ opcode }) => opcode === 8);
    return frame === undefined || frame.payload.length < 2 ? undefined : frame.payload.readUInt16BE(0);
  }

  /** All that has come whole since the handshake. Throws where it is not as RFC 6455 has it. */
  get frames(): readonly ServerFrame[] {
    const head = this.received.indexOf("HTTP/1.1 101 ");
    const begin = head === -1 ? -1 : this.received.indexOf("\r\n\r\n", head);
    return begin === -1 ? [] : serverFrames(Buffer.from(this.received.slice(begin + 4), "latin1"));
  }

  /** The texts of all messages that have come whole, deflated frames taken apart. */
  get messages(): readonly string[] {
    const texts: string[] = [];
    for (const { opcode, payload } of this.frames) {
      if (opcode === 1) texts.push(payload.toString());
      if (opcode !== 2) continue;
      const list: unknown[] = JSON.parse(new TextDecoder().decode(Bun.inflateSync(payload)));
      texts.push(...list.map((each) => JSON.stringify(each)));
    }
    return texts;
  }

  write(bytes: string | Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  /** A WebSocket frame as a client must send it, masked; `opcode` 1 is text, 2 is bytes, 8 a close. */
  writeFrame(opcode: number, payload: Uint8Array): void {
    const length =
      payload.length < 126
        ? [0x80 | payload.length]
        : [0x80 | 126, (payload.length >> 8) & 0xff, payload.length & 0xff];
    if (payload.length > 0xffff) throw new Error("this fixture writes frames of at most 65535 bytes");
    // A mask of zeros leaves the payload as it is.
    this.write(Uint8Array.from([0x80 | opcode, ...length, 0, 0, 0, 0, ...payload]));
  }

  /** Stops taking what arrives, so that the other side's buffers fill. */
  stopReading(): void {
    this.#socket.pause();
  }

  readAgain(): void {
    this.#socket.resume();
  }

  async until(text: string | RegExp): Promise<void> {
    const holds = () => (typeof text === "string" ? this.received.includes(text) : text.test(this.received));
    while (!holds()) {
      if (this.#socket.closed) throw new Error(`closed before ${text}, after ${this.received}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Vanishes with a reset, as a crashed machine's peer would see it: no close frame, no FIN. */
  vanish(): void {
    this.#socket.resetAndDestroy();
  }

  close(): void {
    this.#socket.destroy();
  }
}
