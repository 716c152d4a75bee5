import { openAll } from "../openAll.ts";

// A process of clients that count bytes and frames and read neither: to inflate costs more than to serve. Its parent tells
// it what to subscribe to, and asks for the counts.
interface Client {
  isOpen: boolean;
  /** Bytes of the frame under way that have not come. */
  missing: number;
  head: number[];
}

const [port = "", path = "", connections = "0", extensions = "", channelsJson = "[]"] = process.argv.slice(2);
const counts = { bytes: 0, frames: 0, closed: 0 };
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const handshake = [
  `GET ${path} HTTP/1.1`,
  "Host: 127.0.0.1",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  `Sec-WebSocket-Key: ${KEY}`,
  ...(extensions === "" ? [] : [`Sec-WebSocket-Extensions: ${extensions}`]),
  "",
  "",
].join("\r\n");
const request = Buffer.from(JSON.stringify({ type: "subscribe", id: 1, channels: JSON.parse(channelsJson) }));
const length =
  request.length < 126 ? [0x80 | request.length] : [0xfe, request.length >> 8, request.length & 255];
// A mask of zeros is a mask.
const subscribe = Buffer.concat([Buffer.from([0x81, ...length, 0, 0, 0, 0]), request]);

function take(client: Client, chunk: Uint8Array): void {
  counts.bytes += chunk.length;
  for (let at = 0; at < chunk.length; ) {
    if (client.missing > 0) {
      const taken = Math.min(client.missing, chunk.length - at);
      client.missing -= taken;
      at += taken;
      continue;
    }
    client.head.push(chunk[at++] as number);
    const { head } = client;
    const kind = head[1] ?? 0;
    const headBytes = head.length < 2 ? 2 : kind === 127 ? 10 : kind === 126 ? 4 : 2;
    if (head.length < headBytes) continue;
    client.missing = headBytes === 2 ? kind : head.slice(2).reduce((sum, byte) => sum * 256 + byte, 0);
    client.head = [];
    counts.frames += 1;
  }
}

function open(): Promise<void> {
  return new Promise((resolve, reject) => {
    void Bun.connect<Client>({
      hostname: "127.0.0.1",
      port: Number(port),
      socket: {
        open(socket) {
          socket.data = { isOpen: false, missing: 0, head: [] };
          socket.write(handshake);
        },
        data(socket, chunk) {
          const client = socket.data;
          if (client.isOpen) return take(client, chunk);
          const answer = chunk.toString("latin1");
          const end = answer.indexOf("\r\n\r\n");
          const isAsAsked = extensions === "" || /permessage-deflate/i.test(answer.slice(0, end));
          if (!answer.startsWith("HTTP/1.1 101") || !isAsAsked) return reject(new Error(answer));
          client.isOpen = true;
          take(client, chunk.subarray(end + 4));
          socket.write(subscribe);
          resolve();
        },
        close() {
          counts.closed += 1;
        },
        connectError: (_, error) => reject(error),
      },
    }).catch(reject);
  });
}

process.once("disconnect", () => process.exit(0));
process.on("message", () => process.send?.(counts));
await openAll(Number(connections), 50, open);
process.send?.({ ready: true });
