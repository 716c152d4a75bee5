import { startInstance } from "../instance.fixture.ts";
import { startTcpProxy } from "../services/tcpProxy.ts";

export const CHANNELS = ["a.x", "a.y", "b", "c"];
const STEPS = 120;

/** What a client must have got: each channel's numbers, in order. */
export type Sent = Readonly<Record<string, readonly number[]>>;

export interface DisturbedFeed {
  /** To be reached only through what breaks. */
  readonly url: string;
  /** Publishes, breaks and stalls connections as the random numbers say, and ends each channel. */
  run(random: () => number): Promise<{ readonly sent: Sent; readonly cuts: number }>;
  close(): Promise<void>;
}

/** An instance behind a network that breaks. */
export async function startDisturbedFeed(): Promise<DisturbedFeed> {
  const instance = await startInstance(["--shards", "2", "--log-level", "error"]);
  const proxy = await startTcpProxy({ port: instance.port });
  return {
    url: `ws://127.0.0.1:${proxy.port}/ws`,
    async run(random) {
      const sent: Record<string, number[]> = Object.fromEntries(CHANNELS.map((channel) => [channel, []]));
      let next = 0;
      let cuts = 0;
      let goOn: () => void = () => {};
      for (let step = 0; step < STEPS; step++) {
        const items = Array.from({ length: 1 + Math.floor(random() * 8) }, () => {
          const channel = CHANNELS[Math.floor(random() * CHANNELS.length)] ?? "b";
          sent[channel]?.push(next);
          return { channel, data: next++ };
        });
        const publishing = instance.publish(...items);
        const chance = random();
        goOn();
        goOn = () => {};
        if (chance < 0.25) {
          cuts++;
          proxy.cut();
        } else if (chance < 0.35) goOn = proxy.stall();
        else if (chance < 0.45) goOn = proxy.delay(random() * 20);
        await publishing;
        // Mostly it comes back before the next step, and otherwise misses more.
        if (chance < 0.15) while (proxy.connections === 0) await Bun.sleep(1);
      }
      goOn();
      await instance.publish(...CHANNELS.map((channel) => ({ channel, data: "end" })));
      return { sent, cuts };
    },
    async close() {
      await proxy.close();
      await instance.end();
    },
  };
}
