import { describe, expect, test } from "bun:test";
import type { Socket } from "bun";
import { natsAvailable, startNats } from "../../../test/services/nats.ts";
import { connected } from "./busState.fixture.ts";
import { busConformance } from "./conformance.ts";
import { natsBus, VARIANTS } from "./nats.fixture.ts";

describe.skipIf(!natsAvailable())("a bus on NATS", () => {
  for (const [name, variant] of Object.entries(VARIANTS)) {
    busConformance(`nats, ${name}`, async () => {
      const { server, bus } = await variant();
      const nats = await startNats(server);
      return {
        create: async (options) => {
          const created = natsBus({ ...bus(nats.port), ...options });
          await connected(created);
          return created;
        },
        cut: async () => {
          await nats.kill();
          return nats.restart;
        },
        hang: async () => {
          const resume = await nats.hang();
          return () => Promise.resolve(resume());
        },
        close: nats.stop,
      };
    });
  }
});

test("frames of one turn share a ping, and what comes while it is on its way shares the next", async () => {
  const server = new CountingServer();
  const bus = natsBus({ url: server.url });
  await connected(bus);
  const before = server.pings;
  const first = Array.from({ length: 100 }, () => bus.publish(new Uint8Array(10)));
  server.isAnswering = false;
  await server.until(before + 1);
  const accepted = Promise.all(first).then(() => "accepted");
  const second = Array.from({ length: 100 }, () => bus.publish(new Uint8Array(10)));
  await new Promise((resolve) => setImmediate(resolve));
  expect(await Promise.race([accepted, Promise.resolve("waiting")])).toBe("waiting");
  expect(server.pings).toBe(before + 1);
  server.answer();
  await Promise.all([...first, ...second]);
  expect(server.pings).toBe(before + 2);
  await bus.close();
  server.close();
});

/** Says what a NATS server says, counts pings, and answers them when told to. */
class CountingServer {
  pings = 0;
  isAnswering = true;
  #socket: Socket | undefined;
  #seen = () => {};
  readonly #listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => {
        this.#socket = socket;
        socket.write('INFO {"version":"2.9.10","proto":1,"max_payload":1048576}\r\n');
      },
      data: (socket, bytes) => {
        const count = bytes.toString().split("PING\r\n").length - 1;
        this.pings += count;
        if (this.isAnswering) socket.write("PONG\r\n".repeat(count));
        this.#seen();
      },
    },
  });

  get url(): string {
    return `nats://127.0.0.1:${this.#listener.port}`;
  }

  async until(pings: number): Promise<void> {
    while (this.pings < pings) {
      await new Promise<void>((resolve) => {
        this.#seen = resolve;
      });
    }
  }

  /** Answers the ping that was held back, and all from now on. */
  answer(): void {
    this.isAnswering = true;
    this.#socket?.write("PONG\r\n");
  }

  close(): void {
    this.#listener.stop(true);
  }
}
