import type { TopChannel } from "@shardcast/server/overview/shape";
import { useState } from "preact/hooks";
import { count, rate } from "./format.ts";

const SHOWN = 10;

interface Props {
  readonly channels: readonly TopChannel[];
  readonly onChoose: (channel: string) => void;
}

/** Of the instance that answers: messages are the same everywhere, subscribers are its own. */
export function Channels({ channels, onChoose }: Props) {
  const [by, setBy] = useState<"messagesPerSecond" | "subscribers">("messagesPerSecond");
  const shown = [...channels].sort((a, b) => b[by] - a[by] || b.messages - a.messages).slice(0, SHOWN);
  return (
    <section id="channels" class="panel">
      <div class="head">
        <h2>Top channels</h2>
        <label>
          by{" "}
          <select
            value={by}
            onChange={(event) =>
              setBy(event.currentTarget.value === "subscribers" ? "subscribers" : "messagesPerSecond")
            }
          >
            <option value="messagesPerSecond">messages</option>
            <option value="subscribers">subscribers here</option>
          </select>
        </label>
      </div>
      {shown.length === 0 ? (
        <p class="empty">No channel has had a message yet. Publish one below.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Channel</th>
              <th scope="col">Messages/s</th>
              <th scope="col">Subscribers here</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ channel, messagesPerSecond, subscribers }) => (
              <tr key={channel}>
                <th scope="row">
                  <button type="button" title="Watch it in the explorer" onClick={() => onChoose(channel)}>
                    {channel}
                  </button>
                </th>
                <td>{rate(messagesPerSecond)}</td>
                <td>{count(subscribers)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
