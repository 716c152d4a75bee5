/** A message of the demo's market: what a small exchange would send. */
export type DemoMessage =
  | {
      readonly channel: string;
      readonly data: {
        readonly symbol: string;
        readonly price: number;
        readonly size: number;
        readonly side: "buy" | "sell";
        readonly trade: number;
      };
    }
  | {
      readonly channel: string;
      readonly data: {
        readonly symbol: string;
        readonly bid: number;
        readonly bidSize: number;
        readonly ask: number;
        readonly askSize: number;
      };
    };

/** Name and first price, the busiest first. */
const SYMBOLS: ReadonlyArray<readonly [symbol: string, price: number]> = [
  ["BTC", 64_250],
  ["ETH", 3_120],
  ["SOL", 148],
  ["XRP", 0.52],
  ["BNB", 585],
  ["DOGE", 0.124],
  ["ADA", 0.39],
  ["TRX", 0.135],
  ["AVAX", 27.4],
  ["LINK", 13.9],
  ["DOT", 6.15],
  ["MATIC", 0.52],
  ["LTC", 72.3],
  ["BCH", 372],
  ["UNI", 7.85],
  ["ATOM", 6.4],
  ["XLM", 0.098],
  ["ETC", 23.1],
  ["FIL", 4.32],
  ["HBAR", 0.067],
  ["APT", 6.9],
  ["NEAR", 5.05],
  ["ARB", 0.71],
  ["OP", 1.63],
  ["INJ", 22.6],
  ["ICP", 8.3],
  ["VET", 0.0243],
  ["GRT", 0.187],
  ["AAVE", 94.5],
  ["ALGO", 0.142],
  ["MKR", 2_480],
  ["SAND", 0.31],
  ["EGLD", 32.8],
  ["THETA", 1.48],
  ["XTZ", 0.76],
  ["FLOW", 0.61],
];

const TRADE_SHARE = 0.4;
/** Standard deviation of one step of a price, as a part of it; the quieter symbols move further at each step. */
const STEP_MIN = 0.0002;
const STEP_MAX = 0.0012;
/** A walk would wander off in weeks of running, so each step leans back a little towards the first price. */
const PULL = 0.0005;
const HALF_SPREAD = 0.0002;

interface Walk {
  readonly symbol: string;
  readonly first: number;
  readonly step: number;
  readonly decimals: number;
  /** Sum of the activities up to and with this symbol, between 0 and 1. */
  readonly activityThrough: number;
  price: number;
}

/** An endless market of geometric random walks; the same seed gives the same market. */
export function* demoMarket(seed: number): Generator<DemoMessage, never> {
  const random = randomOf(seed);
  const walks = walksOf();
  for (let trade = 1; ; ) {
    const pick = random();
    const walk = walks.find((candidate) => pick < candidate.activityThrough) ?? walks[0];
    if (walk === undefined) throw new Error("the market has no symbols");
    move(walk, random);
    if (random() < TRADE_SHARE) yield tradeOf(walk, trade++, random);
    else yield quoteOf(walk, random);
  }
}

function walksOf(): Walk[] {
  // By rank, as on real exchanges: the busiest symbol trades as much as the next few together.
  const activities = SYMBOLS.map((_, rank) => 1 / (rank + 1) ** 0.9);
  const total = activities.reduce((sum, activity) => sum + activity, 0);
  let through = 0;
  return SYMBOLS.map(([symbol, price], rank) => {
    through += (activities[rank] ?? 0) / total;
    const step = STEP_MIN + (STEP_MAX - STEP_MIN) * (rank / SYMBOLS.length);
    // Five significant digits, as prices have.
    const decimals = Math.max(0, 4 - Math.floor(Math.log10(price)));
    return { symbol, first: price, step, decimals, activityThrough: through, price };
  });
}

function move(walk: Walk, random: () => number): void {
  const pull = PULL * Math.log(walk.first / walk.price);
  walk.price *= Math.exp(pull + walk.step * normal(random));
}

function tradeOf(walk: Walk, trade: number, random: () => number): DemoMessage {
  const side = random() < 0.5 ? "buy" : "sell";
  const price = rounded(walk.price * (1 + (side === "buy" ? HALF_SPREAD : -HALF_SPREAD)), walk.decimals);
  const data = { symbol: walk.symbol, price, size: sizeOf(walk, random), side, trade } as const;
  return { channel: `${walk.symbol}.trade`, data };
}

function quoteOf(walk: Walk, random: () => number): DemoMessage {
  const tick = 10 ** -walk.decimals;
  const spread = Math.max(tick, walk.price * HALF_SPREAD * (1 + random()));
  const bid = rounded(walk.price - spread, walk.decimals);
  const ask = rounded(walk.price + spread, walk.decimals);
  const data = {
    symbol: walk.symbol,
    bid,
    bidSize: sizeOf(walk, random),
    ask,
    askSize: sizeOf(walk, random),
  };
  return { channel: `${walk.symbol}.quote`, data };
}

/** Around 2,000 in money, with the long tail that sizes have. */
function sizeOf(walk: Walk, random: () => number): number {
  const size = (2_000 * Math.exp(1.2 * normal(random))) / walk.price;
  return Number(size.toPrecision(4));
}

function rounded(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}

/** Box and Muller's method. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Mulberry32, by Tommy Ettinger: small, and good enough for a show. */
function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
