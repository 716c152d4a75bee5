type Tell = (text: string, kind?: "good" | "bad") => void;

/** A shard that is killed again and again is started anew after up to 10 s, and then takes a moment. */
const WAIT_MS_MAX = 20_000;
const TRY_AGAIN_MS = 250;
/** Over in a moment: a shard is being started, or has not told of its clients yet, which it does twice a second. */
const PASSING = ["shard_idle", "shard_not_ready"];

interface Answer {
  readonly killed?: { readonly shard: number; readonly pid: number };
  readonly error?: { readonly code: string; readonly message: string };
}

/** The button that kills a shard: this instance's admin port does so in the embedded demo alone. */
export function offerKill(tell: Tell): void {
  const form = document.querySelector<HTMLFormElement>("#kill");
  const button = form?.querySelector("button");
  const label = form?.querySelector("label");
  const field = form?.querySelector("input");
  if (!form || !button || !label || !field) return;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    const { killed, error } = await killWhenReady(field.value.trim(), tell);
    button.disabled = false;
    if (killed !== undefined)
      tell(
        `Shard ${killed.shard} (process ${killed.pid}) was killed with -9: trades go on without you`,
        "bad",
      );
    if (error === undefined) return;
    tell(`Not killed: ${error.message} (${error.code})`);
    if (["key_required", "key_invalid", "scope_missing"].includes(error.code)) {
      label.hidden = false;
      field.focus();
    }
  });
}

/** Who presses again at once is not refused, but served when the shard that was killed before is back. */
async function killWhenReady(key: string, tell: Tell): Promise<Answer> {
  const sinceMs = performance.now();
  let isTold = false;
  for (;;) {
    const answer = await kill(key);
    const code = answer.error?.code ?? "";
    if (!PASSING.includes(code) || performance.now() - sinceMs > WAIT_MS_MAX) return answer;
    if (code === "shard_not_ready" && !isTold) {
      tell("The shard that was killed before is being started: yours is killed when it is back");
      isTold = true;
    }
    await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
  }
}

async function kill(key: string): Promise<Answer> {
  try {
    const response = await fetch("api/demo/kill-shard", {
      method: "POST",
      body: "{}",
      headers: key === "" ? {} : { Authorization: `Bearer ${key}` },
    });
    return (await response.json()) as Answer;
  } catch (error) {
    return { error: { code: "away", message: `the admin port does not answer: ${error}` } };
  }
}
