// The dashboard of a real cluster behind HAProxy, with clients that count what they get: what an operator does in it.
import { beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { browserForTests, hasChromium } from "./browser.fixture.ts";
import { numberedClusterForTests } from "./numberedCluster.fixture.ts";
import { haproxyAvailable } from "./services/haproxy.ts";
import { kafkaAvailable } from "./services/kafka.ts";
import { redisAvailable } from "./services/redis.ts";
import { serversUp, until } from "./status.fixture.ts";

const CLIENTS = 40;
const TEST_MS = 100_000;

const openPage = browserForTests();
const isThere = hasChromium && kafkaAvailable() && haproxyAvailable() && redisAvailable();

describe.skipIf(!isThere)("a cluster of two, of which the second has just come", () => {
  const its = numberedClusterForTests(TEST_MS, {
    ...{ instances: 1, spares: 1, shards: 2, bus: "redis", partitions: 4, clients: CLIENTS },
    flags: [
      ...["--drain-wait-ms", "10000"],
      ...["--rebalance-pause-seconds", "5", "--rebalance-round-percent", "50"],
    ],
  });
  beforeAll(async () => {
    await its.cluster.members[1]?.start();
    await until("HAProxy has both", async () => (await serversUp(its.cluster)) === 2);
  }, TEST_MS);

  const open = async (member: number) => {
    const opened = await openPage(`http://127.0.0.1:${its.cluster.members[member]?.adminPort}/`);
    await opened.page.getByRole("heading", { name: "All is well" }).waitFor();
    return opened;
  };

  test(
    "it shows both instances, the bus between them, and who reads which partition",
    async () => {
      const { page, faults, close } = await open(0);
      await page.getByText("2 instances, 4 shards ready of 4").waitFor();
      await page.getByText("bus between them: connected").waitFor();
      await page.locator("#partitions tbody tr").nth(3).waitFor();
      const partitions = await page.locator("#partitions tbody tr").allTextContents();
      expect(partitions.map((text) => /^numbers\/\d/.exec(text)?.[0]).sort()).toEqual(
        [0, 1, 2, 3].map((partition) => `numbers/${partition}`),
      );
      await page.locator("#instances tbody tr", { hasText: "b" }).first().waitFor();
      expect(faults).toEqual([]);
      await close();
    },
    TEST_MS,
  );

  test(
    "Rebalance does nothing before it is confirmed, and then evens the clients out without a loss",
    async () => {
      const { page, faults, close } = await open(0);
      const box = page.locator("#operate");
      await box.getByText("20 clients beyond the mean of 20").waitFor();
      await press(page, "Rebalance", "Cancel");
      expect(its.ledgers.reconnects).toBe(0);
      await its.numbers.sendDuring(50, async () => {
        await press(page, "Rebalance", "Rebalance");
        await box.getByText("Clients are being moved").waitFor();
        await box.getByText("Nothing to move from here").waitFor({ timeout: 60_000 });
      });
      const held = (await its.cluster.haproxy.servers()).map(({ connections }) => connections);
      expect(Math.max(...held)).toBeLessThan(CLIENTS / 2 + 3);
      await its.ledgers.expectAll(its.numbers.sent);
      expect(faults).toEqual([]);
      await close();
    },
    TEST_MS,
  );

  test(
    "Drain tells how far it is, also on the other's page, and that the instance has ended; nobody loses a message",
    async () => {
      const [first, other] = [await open(0), await open(1)];
      await its.numbers.sendDuring(50, async () => {
        await press(first.page, "Drain", "Drain");
        await first.page.locator("#operate").getByText("Begun: the balancer is to notice").waitFor();
        const heading = "All is well, and a part is being taken out";
        const told = other.page.getByRole("heading", { name: heading }).waitFor({ timeout: 15_000 });
        await told.catch(async (cause: unknown) => {
          throw new Error(`told: ${await other.page.locator(".verdict").textContent()}`, { cause });
        });
        await first.page
          .getByRole("heading", { name: "This instance has been taken out" })
          .waitFor({ timeout: 60_000 });
        await other.page.getByText("1 instance, 2 shards ready of 2").waitFor();
      });
      await other.page.getByRole("heading", { name: "All is well", exact: true }).waitFor();
      await its.ledgers.expectAll(its.numbers.sent);
      expect(first.faults).toEqual([]);
      expect(other.faults).toEqual([]);
      await first.close();
      await other.close();
    },
    TEST_MS,
  );

  test(
    "Rebalance of an instance that is alone is refused in words",
    async () => {
      const { page, close } = await open(1);
      await press(page, "Rebalance", "Rebalance");
      await page
        .locator("#operate")
        .getByText("no other instance of this region serves clients (rebalance_refused)")
        .waitFor();
      await close();
    },
    TEST_MS,
  );
});

/** By the keyboard, as the dialog's focus is part of the confirmation. */
async function press(page: Page, operation: string, answer: string): Promise<void> {
  await page.getByRole("button", { name: `${operation} …` }).focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: operation });
  await dialog.waitFor();
  const button = dialog.getByRole("button", { name: answer });
  await button.focus();
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "hidden" });
}
