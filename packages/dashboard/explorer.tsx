import type { Overview } from "@shardcast/server/overview/shape";
import { useEffect, useRef, useState } from "preact/hooks";
import { ExplorerMessages } from "./explorerMessages.tsx";
import { ExplorerSession, type ExplorerState, IDLE } from "./explorerSession.ts";
import { count } from "./format.ts";

interface Props {
  readonly overview: Overview;
  /** Chosen elsewhere on the page. */
  readonly chosen: { readonly channel: string } | undefined;
}

/** Subscribes as any client would, through the SDK, and shows what that client sees. */
export function Explorer({ overview, chosen }: Props) {
  const [channel, setChannel] = useState("");
  const [token, setToken] = useState("");
  const [state, setState] = useState<ExplorerState>(IDLE);
  const section = useRef<HTMLElement>(null);
  const session = useRef<ExplorerSession | undefined>(undefined);
  const { channels, clients } = overview;
  const url = `${clients.isEncrypted ? "wss" : "ws"}://${location.hostname}:${clients.port}/ws`;

  const watch = (name: string) => {
    session.current?.end();
    setState(IDLE);
    const target = { url, channel: name, token: token.trim() === "" ? undefined : token.trim() };
    session.current = new ExplorerSession(target, setState);
    session.current.begin();
  };
  useEffect(() => () => session.current?.end(), []);
  useEffect(() => {
    if (chosen === undefined) return;
    setChannel(chosen.channel);
    watch(chosen.channel);
    section.current?.scrollIntoView();
  }, [chosen]);

  const { status, received, resume, error, positions } = state;
  const isOn = status === "connecting" || status === "connected" || status === "reconnecting";
  return (
    <section id="explorer" class="panel" ref={section}>
      <div class="head">
        <h2>Explorer</h2>
        <span class={`state ${status}`} role="status">
          {status === "idle" ? "" : status}
          {received > 0 && ` · ${count(received)} received`}
        </span>
      </div>
      <form
        class="line"
        onSubmit={(event) => {
          event.preventDefault();
          if (channel.trim() !== "") watch(channel.trim());
        }}
      >
        <label class="grow">
          Channel or pattern
          <input
            list="channelNames"
            value={channel}
            placeholder={channels[0]?.channel ?? "BTC.trade or BTC.*"}
            spellcheck={false}
            autocapitalize="off"
            onInput={(event) => setChannel(event.currentTarget.value)}
          />
        </label>
        <datalist id="channelNames">
          {channels.map(({ channel: name }) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        {clients.takesTokens && (
          <label class="grow">
            Token
            <input
              type="password"
              autocomplete="off"
              value={token}
              onInput={(event) => setToken(event.currentTarget.value)}
            />
          </label>
        )}
        <button type="submit" class="primary" disabled={channel.trim() === ""}>
          Subscribe
        </button>
        {isOn && (
          <button type="button" onClick={() => session.current?.disconnect()}>
            Disconnect
          </button>
        )}
        {status === "disconnected" && (
          <button type="button" class="primary" onClick={() => session.current?.resume()}>
            Resume
          </button>
        )}
      </form>
      {error !== undefined && (
        <p class="problem degraded" role="alert">
          {error}
        </p>
      )}
      {status === "disconnected" && (
        <p class="told">
          Disconnected. What is published now is missed, until you resume from{" "}
          <code class="positions">{positions.join(" ")}</code>
        </p>
      )}
      {resume !== undefined && (
        <p class="told" role="status">
          {resume.recovered
            ? `Resumed: ${count(resume.replayed)} missed ${resume.replayed === 1 ? "message" : "messages"} came first, then it went on live. Nothing was lost.`
            : "The server could not bring all that was missed: what follows begins with the last value."}
        </p>
      )}
      <ExplorerMessages status={status} messages={state.messages} url={url} />
    </section>
  );
}
