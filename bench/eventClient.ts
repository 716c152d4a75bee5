// A process of clients of event streams: raw sockets that only count messages, as `loadClient.ts` does for WebSockets.
import type { LoadCounts } from "./load.ts";
import { openAll } from "./openAll.ts";

interface Client {
  /** The end of the chunk before, in which a mark may have begun. */
  tail: string;
  hasSubscribed: boolean;
}

const [port = "", connections = "", , first = "0"] = process.argv.slice(2);
const counts = { connected: 0, messages: 0, closed: 0, latenciesMs: [] as number[] };
const LATENCIES_MAX = 200_000;
const SAMPLE = 50;
const MESSAGE = 'data: {"type":"message"';

function take(client: Client, chunk: Buffer, ready: () => void): void {
  const text = client.tail + chunk.toString("latin1");
  if (!client.hasSubscribed && text.includes('"type":"subscribed"')) {
    client.hasSubscribed = true;
    counts.connected += 1;
    ready();
  }
  let at = text.indexOf(MESSAGE);
  let last = 0;
  while (at >= 0) {
    counts.messages += 1;
    last = at + MESSAGE.length;
    if (counts.messages % SAMPLE === 0 && counts.latenciesMs.length < LATENCIES_MAX) {
      const sent = /"t":(\d+(?:\.\d+)?)/.exec(text.slice(at, at + 300))?.[1];
      if (sent !== undefined)
        counts.latenciesMs.push(performance.timeOrigin + performance.now() - Number(sent));
    }
    at = text.indexOf(MESSAGE, last);
  }
  client.tail = text.slice(Math.max(last, text.length - MESSAGE.length + 1));
}

function open(index: number): Promise<void> {
  const own = Array.from({ length: 9 }, (_, at) => `own.${index}.${at}`);
  const request = `GET /sse?channels=${["all", ...own].join(",")} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n`;
  return new Promise((resolve, reject) => {
    void Bun.connect<Client>({
      hostname: "127.0.0.1",
      port: Number(port),
      socket: {
        open(socket) {
          socket.data = { tail: "", hasSubscribed: false };
          socket.write(request);
        },
        data: (socket, chunk) => take(socket.data, chunk, resolve),
        close() {
          counts.closed += 1;
        },
        connectError: (_, error) => reject(error),
      },
    }).catch(reject);
  });
}

process.on("message", (question: { reset?: boolean }) => {
  const answer: LoadCounts = { ...counts, cpuUs: process.cpuUsage().user + process.cpuUsage().system };
  process.send?.(answer);
  if (question.reset === true) Object.assign(counts, { messages: 0, latenciesMs: [] });
});

await openAll(Number(connections), 100, (at) => open(Number(first) + at));
process.send?.({ ready: true });
