// A server that does `server.publish` of Bun and nothing else, with permessage-deflate: a peer of the bench alone.
const [kind = "shared"] = process.argv.slice(2);
const compressors = { shared: "shared", dedicated: "32KB" } as const;

const server = Bun.serve<undefined>({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request, self) => (self.upgrade(request, { data: undefined }) ? undefined : new Response("peer")),
  websocket: {
    perMessageDeflate: { compress: kind === "dedicated" ? compressors.dedicated : compressors.shared },
    backpressureLimit: 256 << 20,
    message(socket) {
      socket.subscribe("all");
      socket.send('{"type":"subscribed","id":1}', false);
    },
  },
});
process.on("message", (texts: readonly string[]) => {
  for (const text of texts) server.publish("all", text, true);
});
process.send?.({ port: server.port });
