import { openAll } from "./openAll.ts";

// A process of load clients: raw sockets and a parser that only counts frames, because a full WebSocket client costs
// more per message than the server that it is to measure. It tells its parent what it has counted when asked.
interface Client {
  /** Bytes of the frame under way that have not come yet. */
  missing: number;
  head: number[];
  greeted: boolean;
}

interface Counts {
  connected: number;
  subscribed: number;
  messages: number;
  closed: number;
  latenciesMs: number[];
}

const [port = "", connections = "", channelsJson = "[]", first = "0"] = process.argv.slice(2);
const channels: readonly string[] = JSON.parse(channelsJson);
const counts: Counts = { connected: 0, subscribed: 0, messages: 0, closed: 0, latenciesMs: [] };
const LATENCIES_MAX = 200_000;
/** One message in so many is looked at for its time. */
const SAMPLE = 50;
/** Frames that are answers and not messages: the welcome and the answer to subscribe. */
const handshake = (index: number) =>
  `GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${btoa(String(index).padStart(16, "0"))}\r\n\r\n`;

function subscribe(index: number): Uint8Array {
  const own = Array.from({ length: 9 }, (_, at) => `own.${index}.${at}`);
  const names = channels.length > 0 ? channels : ["all", ...own];
  const text = JSON.stringify({ type: "subscribe", id: 1, channels: names.map((channel) => ({ channel })) });
  const payload = new TextEncoder().encode(text);
  const header =
    payload.length < 126
      ? [0x81, 0x80 | payload.length]
      : [0x81, 0x80 | 126, payload.length >> 8, payload.length & 255];
  // A mask of zeros is a mask: the bytes stay as they are.
  return new Uint8Array([...header, 0, 0, 0, 0, ...payload]);
}

const decoder = new TextDecoder();

function sample(bytes: Uint8Array): void {
  if (counts.messages % SAMPLE !== 0 || counts.latenciesMs.length >= LATENCIES_MAX) return;
  const sent = /"t":(\d+(?:\.\d+)?)/.exec(decoder.decode(bytes))?.[1];
  if (sent !== undefined) counts.latenciesMs.push(performance.timeOrigin + performance.now() - Number(sent));
}

function take(client: Client, chunk: Uint8Array): void {
  let at = 0;
  if (client.missing > 0) {
    at = Math.min(client.missing, chunk.length);
    client.missing -= at;
  }
  while (at < chunk.length) {
    if (client.head.length > 0 || chunk.length - at < 4) {
      client.head.push(chunk[at++] as number);
      const need = client.head.length > 1 && (client.head[1] as number) === 126 ? 4 : 2;
      if (client.head.length < need) continue;
      const length =
        need === 4
          ? ((client.head[2] as number) << 8) | (client.head[3] as number)
          : (client.head[1] as number);
      client.head.length = 0;
      at = body(client, chunk, at, length);
      continue;
    }
    const short = chunk[at + 1] as number;
    const long = short === 126;
    const length = long ? ((chunk[at + 2] as number) << 8) | (chunk[at + 3] as number) : short;
    at = body(client, chunk, at + (long ? 4 : 2), length);
  }
}

function body(client: Client, chunk: Uint8Array, at: number, length: number): number {
  counts.messages += 1;
  const end = Math.min(chunk.length, at + length);
  if (counts.messages % SAMPLE === 0 && end - at === length) sample(chunk.subarray(at, end));
  client.missing = length - (end - at);
  return end;
}

function open(index: number): Promise<void> {
  return new Promise((resolve, reject) => {
    void Bun.connect<Client>({
      hostname: "127.0.0.1",
      port: Number(port),
      socket: {
        open(socket) {
          socket.data = { missing: 0, head: [], greeted: false };
          socket.write(handshake(index));
        },
        data(socket, chunk) {
          const client = socket.data;
          if (client.greeted) return take(client, chunk);
          const end = chunk.indexOf("\r\n\r\n");
          if (!chunk.toString("latin1", 0, 12).endsWith("101") || end < 0)
            return reject(new Error(chunk.toString()));
          client.greeted = true;
          counts.connected += 1;
          socket.write(subscribe(index));
          resolve();
          if (chunk.length > end + 4) take(client, chunk.subarray(end + 4));
        },
        close() {
          counts.closed += 1;
        },
        connectError: (_, error) => reject(error),
      },
    }).catch(reject);
  });
}

process.on("message", (question: { reset?: boolean }) => {
  process.send?.({ ...counts, cpuUs: process.cpuUsage().user + process.cpuUsage().system });
  if (question.reset === true) Object.assign(counts, { messages: 0, latenciesMs: [] });
});

await openAll(Number(connections), 100, (at) => open(Number(first) + at));
process.send?.({ ready: true });
