import type { ExplorerMessage, ExplorerState } from "./explorerSession.ts";
import { clock, duration } from "./format.ts";

interface Props {
  readonly status: ExplorerState["status"];
  readonly messages: readonly ExplorerMessage[];
  readonly url: string;
}

export function ExplorerMessages({ status, messages, url }: Props) {
  if (messages.length === 0) {
    return (
      <p class="empty">
        {status === "idle"
          ? `Subscribe, and see what a client at ${url} sees: each message with its cursor. Disconnect, wait, resume: what was missed comes first.`
          : "No message yet. They appear here as they come."}
      </p>
    );
  }
  return (
    <section class="scroll messages" aria-label="Messages, the newest first">
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Channel</th>
            <th scope="col">Cursor</th>
            <th scope="col">After</th>
            <th scope="col">Data</th>
          </tr>
        </thead>
        <tbody>
          {messages.map((message) => (
            <tr key={message.number} class={message.isReplayed ? "replayed" : ""}>
              <td>{clock(message.ts)}</td>
              <td>{message.channel}</td>
              <td>
                <code>{message.cursor}</code>
              </td>
              <td>{arrival(message)}</td>
              <td class="data">
                <code>{message.text}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function arrival({ snapshot, isReplayed, receivedMs, ts }: ExplorerMessage): string {
  if (snapshot === true) return "last value";
  if (isReplayed) return "missed";
  return duration(Math.max(0, receivedMs - ts));
}
