/** What the demo feed trades. Each symbol has two channels: `BTC.trade` and `BTC.quote`. */
export const SYMBOLS = [
  ...["BTC", "ETH", "SOL", "XRP", "BNB", "DOGE", "ADA", "TRX", "AVAX", "LINK", "DOT", "MATIC"],
  ...["LTC", "BCH", "UNI", "ATOM", "XLM", "ETC", "FIL", "HBAR", "APT", "NEAR", "ARB", "OP"],
  ...["INJ", "ICP", "VET", "GRT", "AAVE", "ALGO", "MKR", "SAND", "EGLD", "THETA", "XTZ", "FLOW"],
];

export interface Trade {
  readonly symbol: string;
  readonly price: number;
  readonly size: number;
  readonly side: "buy" | "sell";
  /** Counts the trades of the whole market, so that a missing one shows. */
  readonly trade: number;
}

export interface Quote {
  readonly symbol: string;
  readonly bid: number;
  readonly bidSize: number;
  readonly ask: number;
  readonly askSize: number;
}
