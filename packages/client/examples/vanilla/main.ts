// A table of all trades, without any framework: `npm start`, then `bun packages/client/examples/vanilla/index.html`.
import { connect } from "@shardcast/client";

const server = new URLSearchParams(location.search).get("server") ?? "ws://localhost:3000/ws";
const status = document.querySelector("p");
const table = document.querySelector("tbody");
const prices = new Map<string, HTMLTableCellElement>();

/** Checks what comes from outside, and gives it its type. */
function readPrice(value: unknown): number {
  const { price } = (value ?? {}) as { readonly price?: unknown };
  if (typeof price !== "number") throw new TypeError("a trade without a price");
  return price;
}

function cellOf(channel: string): HTMLTableCellElement {
  const known = prices.get(channel);
  if (known !== undefined) return known;
  const row = document.createElement("tr");
  row.insertCell().textContent = channel;
  const cell = row.insertCell();
  table?.append(row);
  prices.set(channel, cell);
  return cell;
}

const client = connect(server, {
  onStatus: (now) => status?.replaceChildren(now),
  onError: ({ code, message }) => status?.replaceChildren(`${code}: ${message}`),
});
for (const channel of ["BTC.trade", "ETH.trade"]) {
  // Nobody reads more than five prices a second.
  client.subscribe(channel, ({ data }) => cellOf(channel).replaceChildren(data.toFixed(2)), {
    schema: readPrice,
    snapshot: true,
    maxRate: 5,
  });
}
