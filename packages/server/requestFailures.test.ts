import { expect, test } from "bun:test";
import { closedAfterEach } from "../../test/closing.fixture.ts";
import { gatewayFixture } from "./gateway/gateway.fixture.ts";
import { RequestFailures } from "./requestFailures.ts";

const closedLater = closedAfterEach();

test("a request that finds a defect is answered without a word of the source, counted, and logged seldom", async () => {
  const logged: Error[] = [];
  const failures = new RequestFailures((error) => logged.push(error));
  const health = () => {
    throw new Error("a secret of the server");
  };
  const { gateway, close } = gatewayFixture({ gateway: { failures, health } });
  closedLater({ close });
  for (let i = 0; i < 3; i++) {
    const answer = await fetch(`http://127.0.0.1:${gateway.port}/health`);
    expect(answer.status).toBe(500);
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({ error: { code: "internal_error" } });
    expect(text).not.toMatch(/secret|\.ts/);
  }
  expect([failures.count, logged.map(({ message }) => message)]).toEqual([3, ["a secret of the server"]]);
});
