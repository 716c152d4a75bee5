// Schemas of the market's messages, as functions: each returns the payload, as what it is then known to be, or throws.
import type { Quote, Trade } from "./market.ts";

export function asTrade(value: unknown): Trade {
  const { symbol, price, size, side, trade } = fieldsOf(value);
  if (side !== "buy" && side !== "sell") throw new TypeError("`side` is neither buy nor sell");
  return {
    symbol: text("symbol", symbol),
    ...{ price: amount("price", price), size: amount("size", size), side, trade: amount("trade", trade) },
  };
}

export function asQuote(value: unknown): Quote {
  const { symbol, bid, bidSize, ask, askSize } = fieldsOf(value);
  return {
    symbol: text("symbol", symbol),
    ...{ bid: amount("bid", bid), bidSize: amount("bidSize", bidSize) },
    ...{ ask: amount("ask", ask), askSize: amount("askSize", askSize) },
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw new TypeError("it is no object");
  return { ...value };
}

function text(name: string, value: unknown): string {
  if (typeof value !== "string") throw new TypeError(`\`${name}\` is no text`);
  return value;
}

/** JSON has numbers that are too large for one: `1e999` is read as infinity. */
function amount(name: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value <= 0)
    throw new TypeError(`\`${name}\` is no number above nought`);
  return value;
}
