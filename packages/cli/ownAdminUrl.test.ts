import { expect, test } from "bun:test";
import { shardcast } from "./cli.fixture.ts";
import { ownAdminUrl } from "./ownAdminUrl.ts";

const url = (env: Record<string, string>) => ownAdminUrl({ env, readFile: () => "" });

test.each([
  [{}, "http://127.0.0.1:3001"],
  [{ SHARDCAST_ADMIN_PORT: "4001" }, "http://127.0.0.1:4001"],
  [{ SHARDCAST_ADMIN_HOST: "0.0.0.0" }, "http://127.0.0.1:3001"],
  [{ SHARDCAST_ADMIN_HOST: "::" }, "http://127.0.0.1:3001"],
  [{ SHARDCAST_ADMIN_HOST: "10.1.2.3", SHARDCAST_ADMIN_PORT: "4001" }, "http://10.1.2.3:4001"],
  [{ SHARDCAST_ADMIN_HOST: "::1" }, "http://[::1]:3001"],
  [{ SHARDCAST_ADMIN_PORT: "0", SHARDCAST_KAFKA_BROKERS: "kafka:9092" }, "http://127.0.0.1:3001"],
])("an instance with %j is asked at %s", (env, expected) => {
  expect(url(env)).toBe(expected);
});

test("the image's healthcheck finds an instance whose admin port is another one", async () => {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => Response.json({ status: "ok" }),
  });
  try {
    const env = { SHARDCAST_ADMIN_PORT: new URL(server.url).port };
    const { exitCode, stdout } = await shardcast(["health", "--live"], { env });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "ok\n" });
  } finally {
    await server.stop(true);
  }
});
