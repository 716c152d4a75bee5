// A live market board, and an example of the SDK: connect, subscribe, and let it care for the rest.
import { connect } from "@shardcast/client";
import { BoardTable } from "./boardTable.ts";
import { Display } from "./display.ts";
import { offerKill } from "./killShard.ts";
import { LatencyMeter } from "./latencyMeter.ts";
import { SYMBOLS } from "./market.ts";
import { asQuote, asTrade } from "./payloads.ts";
import { TradeLedger } from "./tradeLedger.ts";

const url = document.querySelector<HTMLMetaElement>("meta[name=shardcast-url]")?.content ?? "";
const UNREACHABLE = `Could not connect to ${url}: does the server run? This page goes on trying`;
const table = new BoardTable(document.querySelector("#board"), SYMBOLS);
const display = new Display();
const ledger = new TradeLedger();
const latency = new LatencyMeter();

let lostMs: number | undefined;
let connectedMs = 0;
let isConnected = false;
let broughtBack = 0;

const client = connect(url, {
  // A demo should be back at once; elsewhere the default, 500 ms to 30 s, spares the server.
  backoff: { minMs: 100, maxMs: 1000 },
  onStatus: (status) => {
    display.status(status);
    if (status === "reconnecting") lostMs ??= Date.now();
    if (status !== "connected") return;
    connectedMs = Date.now();
    isConnected = true;
  },
  onGap: (gap) => display.event(`A gap in ${gap.channel}: ${gap.reason}`, "bad"),
  onError: ({ code, message }) =>
    display.event(code === "connect_failed" ? UNREACHABLE : `${message} (${code})`, "bad"),
});
client.on("reconnect", ({ code, delayMs }) => {
  // Attempts that fail after that are told once, as an error: a line for each would push out what happened before.
  if (!isConnected) return;
  isConnected = false;
  display.event(`The connection broke (${code}); trying again in ${Math.round(delayMs)} ms`);
});

/**
 * The last value comes at once, so that no cell waits for its next message. Whoever may publish may publish anything: what
 * is no trade or no quote is told as an error, and the board never sees it.
 */
const TRADES = { snapshot: true, schema: asTrade };
const QUOTES = { snapshot: true, schema: asQuote };

const subscriptions = SYMBOLS.flatMap((symbol) => [
  client.subscribe(
    `${symbol}.trade`,
    (message) => {
      table.trade(message.data);
      if (message.snapshot === true) return;
      ledger.note(message.data.trade, message.cursor);
      noteArrival(message.ts);
    },
    TRADES,
  ),
  client.subscribe(
    `${symbol}.quote`,
    (message) => {
      table.quote(message.data);
      if (message.snapshot !== true) noteArrival(message.ts);
    },
    QUOTES,
  ),
]);
// Until the server has taken all channels, some trades are not meant for this page.
await Promise.all(subscriptions.map(({ ready }) => ready)).then(
  () => ledger.begin(),
  (error: Error) => display.event(error.message, "bad"),
);

function noteArrival(sentMs: number): void {
  latency.note(Date.now() - sentMs);
  if (lostMs === undefined) return;
  if (sentMs <= connectedMs) broughtBack += 1;
  else tellRecovery(lostMs);
}

/** The first message that was sent after the return: all that was missed has come before it. */
function tellRecovery(sinceMs: number): void {
  const ms = connectedMs - sinceMs;
  const time = ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
  display.event(`Back after ${time}: ${broughtBack} missed messages came first, in order`, "good");
  lostMs = undefined;
  broughtBack = 0;
}

setInterval(() => display.figures({ ...latency.lastSecond(), ...ledger.counts }), 1000);
offerKill((text, kind) => display.event(text, kind));
