import { useState } from "preact/hooks";
import type { ApiError } from "./api.ts";
import { keepApiKey } from "./apiKey.ts";

interface Props {
  readonly error: ApiError;
  readonly onKey: () => void;
}

/** Asks for an API key, where the admin port wants one or another one. */
export function KeyForm({ error, onKey }: Props) {
  const [key, setKey] = useState("");
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (key.trim() === "") return;
    keepApiKey(key.trim());
    onKey();
  };
  return (
    <form class="panel keyForm" onSubmit={submit}>
      <h2>An API key, please</h2>
      <p>
        {error.code === "key_required" ? "This admin port asks for a key." : `${error.message}.`} To look it
        needs the scope <code>read</code>, to publish <code>publish</code>, for everything <code>admin</code>.
        It stays in this tab.
      </p>
      <label>
        API key
        <input
          type="password"
          autocomplete="off"
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="primary" disabled={key.trim() === ""}>
        Use this key
      </button>
    </form>
  );
}
