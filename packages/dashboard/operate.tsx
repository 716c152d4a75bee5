import { useRef, useState } from "preact/hooks";
import { ApiError, ask } from "./api.ts";

interface Operation {
  readonly path: string;
  readonly name: string;
  readonly does: string;
  readonly question: string;
}

const OPERATIONS: readonly Operation[] = [
  {
    path: "api/rebalance",
    name: "Rebalance",
    does: "Asks clients of this instance to move, a few at a time, so that they spread anew. Nobody loses a message.",
    question: "Ask clients of this instance to connect anew?",
  },
  {
    path: "api/drain",
    name: "Drain",
    does: "Takes this instance out: it takes nobody new, its clients move to others, and then it ends.",
    question: "Take this instance out of service? Its clients move away, and then it ends.",
  },
];

/** What an operator can do to the instance that answers, each with a confirmation. */
export function Operate({ self }: { readonly self: string }) {
  return (
    <section id="operate" class="panel">
      <div class="head">
        <h2>
          Operate <small>{self}</small>
        </h2>
      </div>
      {OPERATIONS.map((operation) => (
        <OperationLine key={operation.path} operation={operation} self={self} />
      ))}
      <p class="note">Both are of this instance alone. Another one's dashboard is at its own admin port.</p>
    </section>
  );
}

function OperationLine({ operation, self }: { readonly operation: Operation; readonly self: string }) {
  const { path, name, does, question } = operation;
  const dialog = useRef<HTMLDialogElement>(null);
  const [outcome, setOutcome] = useState<{ readonly isGood: boolean; readonly text: string } | undefined>();
  const [isBusy, setIsBusy] = useState(false);
  const run = async () => {
    dialog.current?.close();
    setIsBusy(true);
    setOutcome(await operate(path, name));
    setIsBusy(false);
  };
  return (
    <div class="operation">
      <p>{does}</p>
      <button type="button" disabled={isBusy} onClick={() => dialog.current?.showModal()}>
        {name} …
      </button>
      <p class={outcome?.isGood === true ? "good" : "bad"} role="status">
        {outcome?.text}
      </p>
      <dialog ref={dialog} aria-label={name}>
        <h3>
          {name} {self}
        </h3>
        <p>{question}</p>
        <div class="line">
          <button type="button" class="danger" onClick={run}>
            {name}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
        </div>
      </dialog>
    </div>
  );
}

async function operate(path: string, name: string): Promise<{ isGood: boolean; text: string }> {
  try {
    await ask<unknown>(path, "{}");
    return { isGood: true, text: `${name}: begun. The instances above show how it goes.` };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const text =
      error.code === "not_found"
        ? `This version has no ${name.toLowerCase()} (not_found).`
        : `${error.message} (${error.code})`;
    return { isGood: false, text };
  }
}
