import { expect, test } from "bun:test";
import { readScenario } from "./scenario.ts";
import { withoutSecrets } from "./withoutSecrets.ts";

test("neither user, password nor token of an address is in a report", () => {
  const scenario = readScenario("", {
    urls: ["wss://geheim@a.example/ws?token=geheim&x=1", "ws://b.example:3000/ws"],
    admins: ["https://me:geheim@a.example:3001"],
    redis: "redis://:ge/heim@c.example:6379",
    nats: "http://me:geheim@d.example:8222",
  });
  const shown = withoutSecrets(scenario);
  expect(JSON.stringify(shown)).not.toMatch(/geheim|ge.heim/);
  expect(shown.urls).toEqual(["wss://a.example/ws?token=(secret)&x=1", "ws://b.example:3000/ws"]);
  expect(shown.redis).toBe("redis://c.example:6379");
});
