// `ws` with permessage-deflate as it is by default, but for small messages too: a peer of the bench alone.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: { threshold: 0 } });
server.on("connection", (socket) => {
  socket.once("message", () => socket.send('{"type":"subscribed","id":1}', { compress: false }));
});
process.on("message", (texts) => {
  for (const text of texts) {
    const bytes = Buffer.from(text);
    for (const client of server.clients) client.send(bytes, { binary: false });
  }
});
server.on("listening", () => process.send({ port: server.address().port }));
