// What `npm start` and the image run: an instance from its bundle, which a defect must be as readable in as in the sources.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DASHBOARD_PAGE } from "@shardcast/dashboard/page";
import { DEMO_PAGE } from "@shardcast/demo/page";
import { textsOf } from "@shardcast/server/admin/pages";
import { buildBundle, type TestBundle } from "./bundle.fixture.ts";
import { startInstance, type TestInstance } from "./instance.fixture.ts";
import { NumberedTopic, NumbersReader, numbers } from "./numberedTopic.fixture.ts";
import { kafkaAvailable, startKafka, type TestKafka } from "./services/kafka.ts";
import { redisAvailable, startRedis, type TestRedis } from "./services/redis.ts";
import { until } from "./services/until.ts";

const TEST_MS = 120_000;

let bundle: TestBundle;

beforeAll(async () => {
  bundle = await buildBundle();
}, TEST_MS);
afterAll(() => bundle?.remove());

/** Of a shard that is told to start without its configuration. */
async function crash(main: string): Promise<string> {
  const child = Bun.spawn([process.execPath, main], {
    stdio: ["ignore", "ignore", "pipe"],
    serialization: "json",
    ipc: () => {},
  });
  child.send({ type: "start", start: {} });
  const [told] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  return told;
}

test("a crash names the source's file and line, and the functions", async () => {
  const sources = new URL("../packages/server/shardMain.ts", import.meta.url).pathname;
  const lineOf = (told: string) => /start \((?:.*\/)?(shardMain\.ts:\d+)/.exec(told)?.[1];
  const expected = lineOf(await crash(sources));
  expect(expected).toBeDefined();
  expect(lineOf(await crash(join(bundle.directory, "shardMain.js")))).toBe(expected);
});

test("what an instance says of itself is the same", () => {
  const run = (main: string) => Bun.spawnSync([process.execPath, main, "--version"]).stdout.toString();
  const version = run(join(bundle.directory, "main.js"));
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
  expect(version).toBe(run(new URL("../packages/cli/main.ts", import.meta.url).pathname));
});

const isPossible = kafkaAvailable() && redisAvailable();

describe.skipIf(!isPossible)(
  "an instance from the bundle, with Kafka and a Redis that wants a password",
  () => {
    let kafka: TestKafka;
    let redis: TestRedis;
    let instance: TestInstance;
    let topic: NumberedTopic;

    beforeAll(async () => {
      kafka = await startKafka();
      topic = await NumberedTopic.create(kafka);
      redis = await startRedis({ config: ["requirepass secret"] });
      instance = await startInstance(
        [
          ...["--shards", "2", "--max-connections", "100", ...topic.flags],
          ...["--bus", redis.url.replace("//", "//:secret@")],
        ],
        { bundle: bundle.directory },
      );
    }, TEST_MS);

    afterAll(async () => {
      await instance?.end();
      await topic?.close();
      await kafka?.stop();
      await redis?.stop();
    }, TEST_MS);

    test("serves the pages that the sources have, made beforehand", async () => {
      for (const page of [DASHBOARD_PAGE, DEMO_PAGE]) {
        const { script, style } = textsOf(page);
        const served = async (path: string) => await (await fetch(`${instance.admin}${path}`)).text();
        expect(await served(page.path)).toContain("<html");
        expect(await served(`/${page.name}.js`)).toBe(await script());
        expect(await served(`/${page.name}.css`)).toBe(await style());
      }
    });

    test(
      "serves records, and starts a killed shard anew from the bundle",
      async () => {
        const reader = new NumbersReader(instance.url, topic);
        try {
          await reader.subscribe();
          await topic.append(50);
          await reader.sees(50);
          const before = await instance.shardPids();
          expect(before.map(programOf)).toEqual([
            join(bundle.directory, "shardMain.js"),
            join(bundle.directory, "shardMain.js"),
          ]);
          for (const pid of before) process.kill(pid, "SIGKILL");
          await until(
            async () => {
              const now = await instance.shardPids();
              return now.length === 2 && now.every((pid) => !before.includes(pid));
            },
            30_000,
            () => instance.log,
          );
          await topic.append(50);
          await reader.sees(100);
          expect(reader.seen).toEqual(numbers(0, 100));
        } finally {
          await reader.close();
        }
      },
      TEST_MS,
    );
  },
);

function programOf(pid: number): string | undefined {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[1];
}
