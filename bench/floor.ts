export {};

// The floor: what the transport alone costs. A client joins the topics that it names; every 10 ms a line of stdin-given
// text goes to one topic. Nothing is remembered, checked or counted.
const [port = "0", text = ""] = process.argv.slice(2);
const server = Bun.serve<undefined>({
  hostname: "127.0.0.1",
  port: Number(port),
  fetch: (request, self) => (self.upgrade(request, { data: undefined }) ? undefined : new Response("floor")),
  websocket: {
    message(socket, message) {
      for (const { channel } of JSON.parse(String(message)).channels as Array<{ channel: string }>)
        socket.subscribe(channel);
      socket.send('{"type":"subscribed","id":1}');
    },
  },
});
process.on("message", (turn: { publish: number }) => {
  // Only the time differs from message to message, so that the latency is measured as the server's is.
  for (let i = 0; i < turn.publish; i++) {
    server.publish("all", text.replace(/"t":[\d.]+/, `"t":${performance.timeOrigin + performance.now()}`));
  }
});
process.send?.({ port: server.port });
