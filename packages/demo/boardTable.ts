import type { Quote, Trade } from "./market.ts";

const COLUMNS = [
  ...["Symbol", "Last", "Change", "Bid", "Size", "Ask", "Size", "Spread", "Trade", "Volume", "Trades"],
] as const;
/** Two tables stand beside each other where there is room. */
const TABLES = 2;
const FLASH_MS = 700;
const UP = "rgb(34 170 100 / 45%)";
const DOWN = "rgb(220 70 60 / 45%)";

interface Row {
  readonly cells: readonly HTMLTableCellElement[];
  first?: number;
  last?: Trade;
  quote?: Quote;
  volume: number;
  trades: number;
  /** The price before the ones that are not painted yet. */
  before: number | undefined;
}

/**
 * The board. Messages only change numbers; the page is painted once a frame, and of it only the rows that have changed, so
 * that hundreds of cells stay smooth however fast messages come.
 */
export class BoardTable {
  readonly #rows = new Map<string, Row>();
  readonly #changed = new Set<Row>();
  #frame = 0;
  readonly #isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;

  constructor(place: Element | null, symbols: readonly string[]) {
    const perTable = Math.ceil(symbols.length / TABLES);
    for (let first = 0; first < symbols.length; first += perTable)
      place?.append(this.#table(symbols.slice(first, first + perTable)));
  }

  trade(trade: Trade): void {
    const row = this.#rows.get(trade.symbol);
    if (row === undefined) return;
    row.first ??= trade.price;
    row.before ??= row.last?.price;
    row.last = trade;
    row.volume += trade.price * trade.size;
    row.trades += 1;
    this.#paintSoon(row);
  }

  quote(quote: Quote): void {
    const row = this.#rows.get(quote.symbol);
    if (row === undefined) return;
    row.quote = quote;
    this.#paintSoon(row);
  }

  #table(symbols: readonly string[]): HTMLTableElement {
    const table = document.createElement("table");
    const head = table.createTHead().insertRow();
    for (const column of COLUMNS) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = column;
      head.append(cell);
    }
    const body = table.createTBody();
    for (const symbol of symbols) {
      const line = body.insertRow();
      const cells = COLUMNS.map(() => line.insertCell());
      if (cells[0] !== undefined) cells[0].textContent = symbol;
      this.#rows.set(symbol, { cells, volume: 0, trades: 0, before: undefined });
    }
    return table;
  }

  #paintSoon(row: Row): void {
    this.#changed.add(row);
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      for (const changed of this.#changed) this.#paint(changed);
      this.#changed.clear();
    });
  }

  #paint(row: Row): void {
    const { cells, first, last, quote, volume, trades, before } = row;
    const change = first === undefined || last === undefined ? 0 : last.price / first - 1;
    const texts = [
      undefined,
      last === undefined ? "" : price(last.price),
      last === undefined ? "" : `${change < 0 ? "−" : "+"}${Math.abs(change * 100).toFixed(2)} %`,
      ...(quote === undefined
        ? ["", "", "", "", ""]
        : [
            ...[price(quote.bid), size(quote.bidSize), price(quote.ask), size(quote.askSize)],
            `${((quote.ask / quote.bid - 1) * 10_000).toFixed(1)} bp`,
          ]),
      last === undefined ? "" : `${last.side === "buy" ? "▲" : "▼"} ${size(last.size)}`,
      size(volume),
      `${trades}`,
    ];
    texts.forEach((text, index) => {
      const cell = cells[index];
      // A cell that has not changed costs no layout.
      if (text !== undefined && cell !== undefined && cell.textContent !== text) cell.textContent = text;
    });
    const changeCell = cells[2];
    if (changeCell !== undefined) changeCell.className = change < 0 ? "down" : "up";
    if (before !== undefined && last !== undefined && before !== last.price && !this.#isCalm) {
      const colour = last.price > before ? UP : DOWN;
      cells[1]?.animate([{ backgroundColor: colour }, { backgroundColor: "transparent" }], FLASH_MS);
    }
    row.before = undefined;
  }
}

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** Five significant digits, as the feed has them, where the cell has room. */
function price(value: number): string {
  const decimals = Math.min(5, Math.max(0, 4 - Math.floor(Math.log10(value))));
  return value.toFixed(decimals);
}

function size(value: number): string {
  return value < 0.1 ? value.toPrecision(2) : compact.format(value);
}
