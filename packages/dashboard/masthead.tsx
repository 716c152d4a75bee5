import type { Overview } from "@shardcast/server/overview/shape";
import { useState } from "preact/hooks";
import { apiKey, keepApiKey } from "./apiKey.ts";
import { chooseTheme, chosenTheme, THEMES } from "./theme.ts";

interface Props {
  readonly overview: Overview;
  readonly onKey: () => void;
}

const SECTIONS = ["instances", "partitions", "channels", "explorer", "publish", "operate"] as const;

export function Masthead({ overview, onKey }: Props) {
  const [theme, setTheme] = useState(chosenTheme());
  const forget = () => {
    keepApiKey(undefined);
    onKey();
  };
  return (
    <header class="masthead">
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <h1>
        Shardcast <small>{overview.self}</small>
      </h1>
      <nav aria-label="Sections">
        {SECTIONS.map((section) => (
          <a key={section} href={`#${section}`}>
            {section}
          </a>
        ))}
        {overview.isDemo && <a href="demo">demo</a>}
      </nav>
      <label class="theme">
        <span class="hidden">Colours</span>
        <select
          value={theme}
          onChange={(event) => {
            const chosen = THEMES.find((name) => name === event.currentTarget.value) ?? "system";
            chooseTheme(chosen);
            setTheme(chosen);
          }}
        >
          <option value="system">Auto</option>
          <option value="light">Light</option>
          <option value="dark">Dark</option>
        </select>
      </label>
      {apiKey() !== undefined && (
        <button type="button" onClick={forget}>
          Forget the key
        </button>
      )}
    </header>
  );
}
