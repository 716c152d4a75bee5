import type { Overview } from "@shardcast/server/overview/shape";
import { useRef, useState } from "preact/hooks";
import { ApiError, ask } from "./api.ts";
import { count, span } from "./format.ts";

interface Operation {
  readonly path: string;
  readonly name: string;
  readonly does: string;
  readonly question: string;
  /** How that stands now. */
  readonly told: (overview: Overview) => string;
}

const OPERATIONS: readonly Operation[] = [
  {
    path: "api/rebalance",
    name: "Rebalance",
    does: "Sends clients away that this instance holds beyond the mean of its region, a few at a time. Nobody loses a message.",
    question:
      "Send the clients away that this instance holds beyond the mean? They connect anew, a few at a time.",
    told: ({ balance }) => balanceInWords(balance),
  },
  {
    path: "api/drain",
    name: "Drain",
    does: "Takes this instance out: its clients move to others, and then it ends.",
    question: "Take this instance out of service? Its clients move away, and then it ends.",
    told: ({ drain }) => drainInWords(drain),
  },
];

/** What an operator can do to the instance that answers, each with a confirmation. */
export function Operate({ overview }: { readonly overview: Overview }) {
  return (
    <section id="operate" class="panel">
      <div class="head">
        <h2>
          Operate <small>{overview.self}</small>
        </h2>
      </div>
      {OPERATIONS.map((operation) => (
        <OperationLine key={operation.path} operation={operation} overview={overview} />
      ))}
      <p class="note">Both are of this instance alone. Another one's dashboard is at its own admin port.</p>
    </section>
  );
}

function OperationLine({
  operation,
  overview,
}: {
  readonly operation: Operation;
  readonly overview: Overview;
}) {
  const { path, name, does, question, told } = operation;
  const dialog = useRef<HTMLDialogElement>(null);
  const [refusal, setRefusal] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const run = async () => {
    dialog.current?.close();
    setIsBusy(true);
    setRefusal(await operate(path));
    setIsBusy(false);
  };
  return (
    <div class="operation">
      <p>{does}</p>
      <button type="button" disabled={isBusy} onClick={() => dialog.current?.showModal()}>
        {name} …
      </button>
      <p class={refusal === "" ? "now" : "bad"} role="status">
        {refusal === "" ? told(overview) : refusal}
      </p>
      <dialog ref={dialog} aria-label={name}>
        <h3>
          {name} {overview.self}
        </h3>
        <p>{question}</p>
        <div class="line">
          <button type="button" class="danger" onClick={run}>
            {name}
          </button>
          {/* Enter alone, pressed once too often, must do nothing. */}
          <button type="button" autofocus onClick={() => dialog.current?.close()}>
            Cancel
          </button>
        </div>
      </dialog>
    </div>
  );
}

/** Fewer are no imbalance, and the server leaves them where they are. */
const EXCESS_MIN = 3;

function balanceInWords({ state, reason, mean, spreadPercent, excess }: Overview["balance"]): string {
  if (state === "shedding")
    return `Clients are being moved: ${count(excess)} beyond the mean of ${count(mean)}.`;
  if (state === "resting")
    return `It goes on in a moment: ${count(excess)} beyond the mean of ${count(mean)}.`;
  if (state === "held") return `It waits: ${HELD[reason ?? "alone"]}.`;
  if (excess >= EXCESS_MIN)
    return `${count(excess)} clients beyond the mean of ${count(mean)}; the greatest distance from it is ${count(spreadPercent)} %.`;
  return `Nothing to move from here: the mean of its region is ${count(mean)} ${count(mean) === "1" ? "client" : "clients"}.`;
}

const HELD = {
  alone: "no other instance of this region serves clients",
  unhealthy: "an instance is not well",
  silent: "an instance has not been heard of for some seconds",
} as const;

function drainInWords({ phase, clients, leftMs }: Overview["drain"]): string {
  const time = `at the latest in ${span(leftMs)}`;
  if (phase === "waiting")
    return `Begun: the balancer is to notice; ${count(clients)} clients here, ended ${time}.`;
  if (phase === "moving") return `${count(clients)} clients are still to go; ended ${time}.`;
  if (phase === "ending") return "Its shards end.";
  return "In service.";
}

/** Why it was refused; empty where it was not: then the overview tells how it goes. */
async function operate(path: string): Promise<string> {
  try {
    await ask<unknown>(path, "{}");
    return "";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return `${error.message} (${error.code})`;
  }
}
