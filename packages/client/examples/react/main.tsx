/** @jsxImportSource react */
// One price, of a channel that is chosen: `npm start`, then `bun packages/client/examples/react/index.html`.
import { connect } from "@shardcast/client";
import { useState } from "react";
import { createRoot } from "react-dom/client";
import { useChannel, useStatus } from "./useChannel.ts";

const server = new URLSearchParams(location.search).get("server") ?? "ws://localhost:3000/ws";
const client = connect(server);
const CHANNELS = ["BTC.trade", "ETH.trade"];

function readPrice(value: unknown): number {
  const { price } = (value ?? {}) as { readonly price?: unknown };
  if (typeof price !== "number") throw new TypeError("a trade without a price");
  return price;
}

function Ticker() {
  const [channel, setChannel] = useState("BTC.trade");
  const { message, error } = useChannel(client, channel, { schema: readPrice });
  return (
    <>
      <p role="status">{useStatus(client)}</p>
      {CHANNELS.map((name) => (
        <button key={name} type="button" disabled={name === channel} onClick={() => setChannel(name)}>
          {name}
        </button>
      ))}
      <output title={channel}>{error?.code ?? message?.data.toFixed(2)}</output>
    </>
  );
}

const root = document.querySelector("main");
if (root !== null) createRoot(root).render(<Ticker />);
