import { expect, test } from "bun:test";
import { closedAfterEach } from "../../../test/closing.fixture.ts";
import { gatewayFixture } from "./gateway.fixture.ts";
import { kernelShareOf } from "./kernelBuffers.ts";
import { RawSocket } from "./rawSocket.fixture.ts";
import { kernelSendQueues } from "./sendQueue.fixture.ts";

const BUDGET_BYTES = 1 << 20;
const MESSAGE_BYTES = 10_000;
/** What one write may take beyond the bound: the kernel looks at it before it takes a piece, not in the midst of one. */
const ONE_WRITE_BYTES = 128 << 10;

const closedLater = closedAfterEach();

async function stalledClient(port: number): Promise<RawSocket> {
  const socket = closedLater(await RawSocket.upgraded(port));
  socket.writeFrame(1, new TextEncoder().encode('{"type":"subscribe","id":1,"channels":["x"]}'));
  await socket.until('"subscribed"');
  socket.stopReading();
  return socket;
}

/** The kernel's table is long on a busy machine, so that it is not read after each message. */
const MESSAGES_PER_LOOK = 8;
/** With thousands of connections that others have just closed a look takes many milliseconds. */
const TEST_MS_MAX = 60_000;
const ofLinux = test.skipIf(process.platform !== "linux");

/** What is on its way and not confirmed yet, for as long as a turn takes, is no bound's business: it is waited for. */
async function settledSendQueue(port: number): Promise<number> {
  let before = Number.NaN;
  for (;;) {
    const [inKernel = 0] = kernelSendQueues(port);
    if (inKernel === before) return inKernel;
    before = inKernel;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

ofLinux(
  "a stalled client costs its byte budget and no more, what the kernel holds for it included",
  async () => {
    const { gateway, publish, close } = gatewayFixture({ gateway: { backpressureBytes: BUDGET_BYTES } });
    closedLater({ close });
    expect(gateway.kernelBytesMax).toBe(kernelShareOf(BUDGET_BYTES));
    await stalledClient(gateway.port);
    const costs: number[] = [];
    let kernelBytesMax = 0;
    for (let sent = 1; gateway.connections > 0; sent++) {
      publish("x", "f".repeat(MESSAGE_BYTES));
      await nextTurn();
      if (sent % MESSAGES_PER_LOOK > 0) continue;
      const inKernel = await settledSendQueue(gateway.port);
      kernelBytesMax = Math.max(kernelBytesMax, inKernel);
      costs.push(inKernel + gateway.slow.now.bytes);
    }
    expect(kernelBytesMax).toBeGreaterThan(0);
    expect(kernelBytesMax).toBeLessThan(kernelShareOf(BUDGET_BYTES) + ONE_WRITE_BYTES);
    // Half a budget may come between two looks.
    expect(Math.max(...costs)).toBeLessThan(1.5 * BUDGET_BYTES + ONE_WRITE_BYTES);
    expect(Math.max(...costs)).toBeGreaterThan(BUDGET_BYTES / 2);
    expect(gateway.slow.cutOff).toBe(1);
  },
  TEST_MS_MAX,
);

ofLinux(
  "without the bound the kernel alone takes several times the budget: this is what it is for",
  async () => {
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request, self) => (self.upgrade(request) ? undefined : new Response(null, { status: 426 })),
      websocket: {
        backpressureLimit: BUDGET_BYTES,
        closeOnBackpressureLimit: true,
        open: (socket) => {
          socket.subscribe("x");
          socket.sendText('"type":"welcome"');
        },
        message: () => {},
      },
    });
    closedLater({ close: () => server.stop(true) });
    const port = server.port ?? 0;
    const socket = closedLater(await RawSocket.upgraded(port));
    socket.stopReading();
    let kernelBytesMax = 0;
    for (let sent = 1; server.pendingWebSockets > 0; sent++) {
      server.publish("x", "f".repeat(MESSAGE_BYTES));
      await nextTurn();
      if (sent % (MESSAGES_PER_LOOK * 4) > 0) continue;
      const [inKernel = 0] = kernelSendQueues(port);
      kernelBytesMax = Math.max(kernelBytesMax, inKernel);
    }
    expect(kernelBytesMax).toBeGreaterThan(2 * (kernelShareOf(BUDGET_BYTES) + ONE_WRITE_BYTES));
  },
  TEST_MS_MAX,
);
