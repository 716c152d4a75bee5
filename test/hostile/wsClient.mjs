// Plays the sequences that come on its standard input with the client of `ws`, under Node, because Bun puts a client of its own in its place.
import { once } from "node:events";
import { text } from "node:stream/consumers";
import WebSocket from "ws";

const [, , url] = process.argv;
const results = [];
for (const sequence of JSON.parse(await text(process.stdin))) results.push(await play(sequence));
console.log(JSON.stringify(results));

async function play({ title, messages, close }) {
  const socket = new WebSocket(url, { rejectUnauthorized: false });
  const texts = [];
  let pongs = 0;
  let wake = () => {};
  const until = async (holds) => {
    while (!holds()) await new Promise((resolve) => (wake = resolve));
  };
  socket.on("message", (data) => {
    texts.push(data.toString());
    wake();
  });
  socket.on("pong", () => {
    pongs += 1;
    wake();
  });
  const pings = messages.reduce((sum, { fragments, ping }) => sum + (ping ? fragments.length - 1 : 0), 0);
  await once(socket, "open");
  for (const { fragments, ping } of messages) {
    fragments.forEach((part, index) => {
      if (index > 0 && ping !== undefined) socket.ping(ping);
      socket.send(part, { fin: index === fragments.length - 1 });
    });
  }
  // The first text is the welcome.
  await until(() => texts.length === messages.length + 1 && pongs === pings);
  const closed = once(socket, "close");
  socket.close(close);
  const [code] = await closed;
  return { title, answers: texts.slice(1), pongs, close: code };
}
