// A server on `ws` as its own documentation broadcasts: one send for each client. With a Redis, all goes through it.
import { createServer } from "node:http";
import { createClient } from "redis";
import { WebSocketServer } from "ws";
import { answerPublish } from "./publishPort.mjs";

const [port, redisUrl = ""] = process.argv.slice(2);
const publisher = redisUrl === "" ? undefined : await createClient({ url: redisUrl }).connect();
const http = createServer((request, response) => answerPublish(request, response, publish));
const server = new WebSocketServer({ server: http, perMessageDeflate: false, clientTracking: true });

function broadcast(bytes) {
  for (const client of server.clients) {
    if (client.readyState === 1) client.send(bytes, { binary: false });
  }
}

async function publish(texts) {
  if (publisher === undefined) for (const text of texts) broadcast(Buffer.from(text));
  else await Promise.all(texts.map((text) => publisher.publish("all", text)));
}

if (publisher !== undefined) {
  const subscriber = await publisher.duplicate().connect();
  // As bytes, which are sent as they came.
  await subscriber.subscribe("all", broadcast, true);
}
http.listen(Number(port), "127.0.0.1", 4096);
