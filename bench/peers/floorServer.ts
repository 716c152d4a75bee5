import { createClient } from "redis";

// The floor: what Bun's transport alone costs, with the frames that Shardcast sends. Nothing is remembered, checked or
// counted. With a Redis, all that is published goes through it.
const [port = "0", redisUrl = ""] = process.argv.slice(2);
const publisher = redisUrl === "" ? undefined : await createClient({ url: redisUrl }).connect();

const server = Bun.serve<undefined>({
  hostname: "127.0.0.1",
  port: Number(port),
  async fetch(request, self) {
    if (self.upgrade(request, { data: undefined })) return undefined;
    if (request.method === "POST") {
      const texts = (await request.text()).split("\n").map(frame);
      if (publisher === undefined) for (const text of texts) self.publish("all", text);
      else await Promise.all(texts.map((text) => publisher.publish("all", text)));
    }
    return new Response("floor");
  },
  websocket: {
    message(socket) {
      socket.subscribe("all");
      socket.send('{"type":"subscribed","id":1}');
    },
  },
});

if (publisher !== undefined) {
  const subscriber = await publisher.duplicate().connect();
  await subscriber.subscribe("all", (text) => void server.publish("all", text));
}

function frame(data: string): string {
  return `{"type":"message","channel":"all","cursor":"k3f9abc:123456","ts":${Date.now()},"data":${data}}`;
}
