import { afterEach, expect, test } from "bun:test";
import type { DataMessage } from "@shardcast/protocol/messages";
import { z } from "zod";
import { Fixture } from "./clients.fixture.ts";
import type { ShardcastError } from "./errors.ts";
import { Inbox } from "./inbox.fixture.ts";
import type { Schema, StandardSchema } from "./schema.ts";

const fixture = new Fixture();
afterEach(() => fixture.end());

interface Trade {
  readonly price: number;
}

function asTrade(value: unknown): Trade {
  const { price } = value as { readonly price?: unknown };
  if (typeof price !== "number") throw new TypeError("no price");
  return { price };
}

async function subscribed(schema: Schema<Trade>) {
  const server = fixture.server();
  const errors = new Inbox<ShardcastError>();
  const client = fixture.client(server.url, { onError: errors.push });
  const heard = new Inbox<DataMessage<Trade>>();
  // The type of the message follows from the schema.
  client.subscribe("a", ({ data: { price }, ...rest }) => heard.push({ ...rest, data: { price } }), {
    schema,
  });
  const peer = await server.connections.next();
  await peer.acceptNext("m1");
  return { peer, errors, heard, client };
}

test.each<readonly [name: string, schema: Schema<Trade>]>([
  ["a function", asTrade],
  ["a schema of Zod", z.object({ price: z.number() })],
])("%s lets pass what fits, tells what does not, and goes on", async (_, schema) => {
  const { peer, errors, heard, client } = await subscribed(schema);
  peer.message("a", "sssssss:1", { data: { price: 1, more: true } });
  peer.message("a", "sssssss:2", { data: { price: "1" } });
  peer.message("a", "sssssss:3", { data: null });
  peer.message("a", "sssssss:4", { data: { price: 4 } });
  expect((await heard.take(2)).map(({ cursor, data }) => [cursor, data])).toEqual([
    ["sssssss:1", { price: 1 }],
    ["sssssss:4", { price: 4 }],
  ]);
  const [second, third] = await errors.take(2);
  expect(second).toMatchObject({ code: "payload_invalid", channel: "a" });
  expect(second?.message).toStartWith("sssssss:2: ");
  expect(second?.cause).toBeInstanceOf(TypeError);
  expect(third?.message).toStartWith("sssssss:3: ");
  expect(client.stats.errors).toBe(2);
});

test("a schema may be a function itself, and may change the value", async () => {
  const standard: StandardSchema<Trade>["~standard"] = {
    version: 1,
    validate: (value) => ({ value: { price: Number(value) } }),
  };
  const callable = Object.assign(() => ({ price: -1 }), { "~standard": standard });
  const { peer, heard } = await subscribed(callable);
  peer.message("a", "sssssss:1", { data: "7" });
  expect((await heard.next()).data).toEqual({ price: 7 });
});

test("an asynchronous schema is told, for waiting would hold up what follows", async () => {
  const { peer, errors } = await subscribed(z.object({ price: z.number() }).refine(async () => true));
  peer.message("a", "sssssss:1", { data: { price: 1 } });
  expect(await errors.next()).toMatchObject({ code: "payload_invalid" });
});

test("an iterator's messages are checked, too", async () => {
  const server = fixture.server();
  const client = fixture.client(server.url);
  const sub = client.subscribe("a", { schema: z.number() });
  const peer = await server.connections.next();
  await peer.acceptNext("m1");
  peer.message("a", "sssssss:1", { data: "one" });
  peer.message("a", "sssssss:2", { data: 2 });
  for await (const { data } of sub) {
    const number: number = data;
    expect(number).toBe(2);
    break;
  }
});
