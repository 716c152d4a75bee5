import { expect, test } from "bun:test";
import { OPEN_ACCESS } from "./access.fixture.ts";
import { startBadServer } from "./badServer.fixture.ts";
import { Publisher } from "./publisher.ts";
import { readScenario } from "./scenario.ts";

test("what nobody answers has failed when it is given up, and nothing is published after that", async () => {
  const server = startBadServer({ hangsPublishesFrom: 3 });
  const scenario = readScenario("", { admins: [server.admin], channels: ["a.load"], messagesPerSecond: 60 });
  const publisher = new Publisher({ scenario, run: 1, kafka: undefined, access: OPEN_ACCESS, giveUpMs: 100 });
  publisher.start();
  while (server.publishes() < 4) await Bun.sleep(5);
  await publisher.stop();
  const [sent = 0] = publisher.sent;
  // Of the first three requests, each with a message or, where the turn came late, with several.
  const [taken = 0] = publisher.acknowledged;
  expect(taken).toBeGreaterThanOrEqual(3);
  expect(publisher.failed).toBe(sent - taken);
  expect(publisher.failedNumbers).toEqual([Array.from({ length: sent - taken }, (_, at) => at + taken)]);
  expect(publisher.lastFailure).not.toBe("");
  // The requests that waited for the one that hangs do not go out one after the other when it is gone.
  await server.stop();
  expect(server.publishes()).toBe(4);
});

test("what is due when publishing stops is sent, and what would be due later is not due", async () => {
  const server = startBadServer({});
  const scenario = readScenario("", { admins: [server.admin], channels: ["a.load"], messagesPerSecond: 10 });
  const publisher = new Publisher({ scenario, run: 1, kafka: undefined, access: OPEN_ACCESS });
  publisher.start();
  while ((publisher.acknowledged[0] ?? 0) < 3) await Bun.sleep(5);
  await publisher.stop();
  expect([publisher.due, publisher.acknowledged[0]]).toEqual([publisher.sent[0] ?? 0, publisher.sent[0]]);
  await server.stop();
});

test("messages that are far apart go out when they are due", async () => {
  const server = startBadServer({});
  const scenario = readScenario("", { admins: [server.admin], channels: ["a.load"], messagesPerSecond: 90 });
  const publisher = new Publisher({ scenario, run: 1, kafka: undefined, access: OPEN_ACCESS });
  publisher.start();
  while (server.latenessMs().length < 80) await Bun.sleep(5);
  await publisher.stop();
  // Of those that wait for a turn of 10 ms three quarters are more than 2.5 ms late; on a busy machine many wait for a core besides.
  const lateness = server.latenessMs().toSorted((a, b) => a - b);
  expect(lateness[20]).toBeLessThan(1.5);
});
