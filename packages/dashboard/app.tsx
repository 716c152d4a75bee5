import { useState } from "preact/hooks";
import { Charts } from "./charts.tsx";
import { Explorer } from "./explorer.tsx";
import { Instances } from "./instances.tsx";
import { KeyForm } from "./keyForm.tsx";
import { Masthead } from "./masthead.tsx";
import { Operate } from "./operate.tsx";
import { useOverview } from "./overviewFeed.ts";
import { Publish } from "./publish.tsx";
import { Streams } from "./streams.tsx";
import { Tiles } from "./tiles.tsx";
import { Channels } from "./topChannels.tsx";
import { Verdict } from "./verdict.tsx";

export function App() {
  const feed = useOverview();
  const { overview, samples, error, again } = feed;
  const [chosen, setChosen] = useState<{ readonly channel: string } | undefined>(undefined);
  if (error?.isAboutKey === true) {
    return (
      <main class="alone">
        <KeyForm error={error} onKey={again} />
      </main>
    );
  }
  if (overview === undefined) {
    return (
      <main class="alone">
        <section class="panel" role="status">
          <h2>{error === undefined ? "Looking …" : "No answer"}</h2>
          <p>
            {error === undefined ? "Asking the instance how it is." : `${error.message}. It is asked again.`}
          </p>
        </section>
      </main>
    );
  }
  return (
    <>
      <Masthead overview={overview} onKey={again} />
      <main id="main">
        <Verdict feed={feed} overview={overview} />
        <Tiles overview={overview} samples={samples} />
        <Charts columns={overview.history.columns} samples={samples} nowMs={overview.nowMs} />
        <Instances overview={overview} />
        <div class="pair">
          <Streams streams={overview.streams} />
          <Channels channels={overview.channels} onChoose={(channel) => setChosen({ channel })} />
        </div>
        <Explorer overview={overview} chosen={chosen} />
        <div class="pair">
          <Publish channels={overview.channels} />
          <Operate overview={overview} />
        </div>
      </main>
    </>
  );
}
