// Socket.IO with WebSocket alone, so that no client begins with polling; with a Redis, over the adapter
// that its documentation recommends for new developments.
import { createServer } from "node:http";
import { createShardedAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { answerPublish } from "./publishPort.mjs";

const [port, redisUrl = ""] = process.argv.slice(2);
const http = createServer((request, response) => answerPublish(request, response, publish));
const server = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });

function publish(texts) {
  for (const text of texts) server.to("all").emit("message", JSON.parse(text));
}

if (redisUrl !== "") {
  const publisher = await createClient({ url: redisUrl }).connect();
  server.adapter(createShardedAdapter(publisher, await publisher.duplicate().connect()));
}
server.on("connection", (socket) => void socket.join("all"));
http.listen(Number(port), "127.0.0.1", 4096);
