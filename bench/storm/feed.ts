import { createProducer } from "@shardcast/server/kafka/producer";
import { CHANNELS, channelKey, TOPIC } from "./messages.ts";

const FILLER = "x".repeat(220);
const TURN_MS = 5;

/** Records at an even rate, to one channel after another, each numbered within its channel. Returns what ends it. */
export function startFeed(brokers: readonly string[], perSecond: number): () => Promise<number> {
  const producer = createProducer({ connection: { brokers, clientId: "storm" } });
  const startedMs = performance.now();
  const pending = new Set<Promise<unknown>>();
  let sent = 0;
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startedMs) / 1000) * perSecond);
    for (; sent < due; sent++) {
      const value = JSON.stringify({ n: Math.floor(sent / CHANNELS), t: Date.now(), f: FILLER });
      const sending = producer.send([{ topic: TOPIC, key: channelKey(sent % CHANNELS), value }]);
      pending.add(sending);
      void sending.finally(() => pending.delete(sending));
    }
  }, TURN_MS);
  return async () => {
    clearInterval(timer);
    await Promise.all(pending);
    await producer.close();
    return sent;
  };
}
