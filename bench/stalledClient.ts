import { openAll } from "./openAll.ts";

// A process of clients that subscribe, stop reading, and read again when they are told to. What each of them has got last of
// each channel is what its parent asks for in the end.
interface Client {
  readonly kind: Kind;
  greeted: boolean;
  rest: Buffer;
  /** The number of the last message of each channel. */
  readonly last: Map<string, number>;
}

type Kind = "latest" | "rate" | "lossless";

const [port = "", connections = ""] = process.argv.slice(2);
const CHANNELS = ["all", "bulk.*"];
const POLICIES: Readonly<Record<Kind, object>> = {
  latest: { policy: "latest" },
  rate: { maxRate: 5 },
  lossless: {},
};
const HANDSHAKE =
  "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const sockets: Bun.Socket<Client>[] = [];

/** Of ten, six are of `latest`, two of a rate and two are owed everything. */
function kindOf(index: number): Kind {
  const place = index % 10;
  if (place < 6) return "latest";
  return place < 8 ? "rate" : "lossless";
}

function subscribe(kind: Kind): Uint8Array {
  const channels = CHANNELS.map((channel) => ({ channel, ...POLICIES[kind] }));
  const payload = new TextEncoder().encode(JSON.stringify({ type: "subscribe", id: 1, channels }));
  // A mask of zeros is a mask: the bytes stay as they are.
  return new Uint8Array([
    0x81,
    0x80 | 126,
    payload.length >> 8,
    payload.length & 255,
    0,
    0,
    0,
    0,
    ...payload,
  ]);
}

function take(client: Client): void {
  let { rest } = client;
  while (rest.length >= 4) {
    const short = rest.readUInt8(1);
    const head = short < 126 ? 2 : 4;
    const end = head + (short < 126 ? short : rest.readUInt16BE(2));
    if (rest.length < end) break;
    const text = rest.toString("latin1", head, end);
    const [, channel, number] = /"channel":"([^"]+)".*"n":(\d+)/.exec(text) ?? [];
    if (channel !== undefined) client.last.set(channel, Number(number));
    rest = rest.subarray(end);
  }
  // A copy: a view would keep the whole chunk.
  client.rest = Buffer.from(rest);
}

function open(index: number): Promise<void> {
  const kind = kindOf(index);
  return new Promise((resolve, reject) => {
    void Bun.connect<Client>({
      hostname: "127.0.0.1",
      port: Number(port),
      socket: {
        open(socket) {
          socket.data = { kind, greeted: false, rest: Buffer.alloc(0), last: new Map() };
          sockets.push(socket);
          socket.write(HANDSHAKE);
        },
        data(socket, chunk) {
          const client = socket.data;
          client.rest = Buffer.concat([client.rest, chunk]);
          if (!client.greeted) {
            const end = client.rest.indexOf("\r\n\r\n");
            if (end < 0) return;
            client.greeted = true;
            client.rest = client.rest.subarray(end + 4);
            socket.write(subscribe(kind));
          }
          const isSubscribed = client.rest.includes('"subscribed"');
          take(client);
          if (!isSubscribed) return;
          socket.pause();
          resolve();
        },
        connectError: (_, error) => reject(error),
      },
    }).catch(reject);
  });
}

process.on("message", (question: { read?: boolean; last?: Record<string, number> }) => {
  if (question.read === true) for (const socket of sockets) socket.resume();
  const wanted = Object.entries(question.last ?? {});
  const counts = { latest: [0, 0], rate: [0, 0], lossless: [0, 0] };
  for (const { data } of sockets) {
    const count = counts[data.kind];
    const isExact = wanted.every(([channel, number]) => data.last.get(channel) === number);
    count[0] = (count[0] ?? 0) + 1;
    if (isExact) count[1] = (count[1] ?? 0) + 1;
  }
  process.send?.({ counts });
});

await openAll(Number(connections), 50, open);
process.send?.({ ready: true });
