import type { TopChannel } from "@shardcast/server/overview/shape";
import { useState } from "preact/hooks";
import { ApiError, ask } from "./api.ts";

interface Outcome {
  readonly isGood: boolean;
  readonly text: string;
}

export function Publish({ channels }: { readonly channels: readonly TopChannel[] }) {
  const [channel, setChannel] = useState("my.news");
  const [data, setData] = useState('{ "hello": 1 }');
  const [outcome, setOutcome] = useState<Outcome | undefined>(undefined);
  const [isBusy, setIsBusy] = useState(false);
  const fault = faultOf(data);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setIsBusy(true);
    setOutcome(await publish(channel.trim(), data));
    setIsBusy(false);
  };
  return (
    <section id="publish" class="panel">
      <div class="head">
        <h2>Publish</h2>
      </div>
      <form class="stack" onSubmit={submit}>
        <label>
          Channel
          <input
            list="channelNames"
            value={channel}
            spellcheck={false}
            placeholder={channels[0]?.channel ?? ""}
            onInput={(event) => setChannel(event.currentTarget.value)}
          />
        </label>
        <label>
          Data, any JSON
          <textarea
            rows={4}
            spellcheck={false}
            value={data}
            aria-invalid={fault !== undefined}
            onInput={(event) => setData(event.currentTarget.value)}
          />
        </label>
        <div class="line">
          <button
            type="submit"
            class="primary"
            disabled={isBusy || fault !== undefined || channel.trim() === ""}
          >
            Publish to everybody
          </button>
          <span class={fault === undefined && outcome?.isGood === true ? "good" : "bad"} role="status">
            {fault ?? outcome?.text}
          </span>
        </div>
      </form>
    </section>
  );
}

function faultOf(data: string): string | undefined {
  try {
    JSON.parse(data);
    return undefined;
  } catch (error) {
    return `Not JSON: ${error instanceof Error ? error.message : "unreadable"}`;
  }
}

async function publish(channel: string, data: string): Promise<Outcome> {
  try {
    // The data go as they were written: parsing and writing them anew would change numbers beyond 2^53.
    const body = `{"channel":${JSON.stringify(channel)},"data":${data}}`;
    const { published } = await ask<{ published: Array<{ cursor: string }> }>("api/publish", body);
    return { isGood: true, text: `Published as ${published[0]?.cursor}` };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { isGood: false, text: `${error.message} (${error.code})` };
  }
}
