import type { Overview, Sample } from "@shardcast/server/overview/shape";
import { useEffect, useState } from "preact/hooks";
import { ApiError, ask } from "./api.ts";

const POLL_MS = 2000;
/** As much as the server keeps. */
const KEPT_MS = 15 * 60 * 1000;

export interface Feed {
  /** The last answer; undefined before the first. */
  readonly overview: Overview | undefined;
  /** Of the last quarter of an hour, oldest first. */
  readonly samples: readonly Sample[];
  /** Why the last request failed; what is shown is then as old as it is. */
  readonly error: ApiError | undefined;
  /** When the last answer came, in ms of `performance.now`. */
  readonly answeredMs: number;
  /** Asks at once, such as after another key was given. */
  readonly again: () => void;
}

type State = Omit<Feed, "again">;

const NOTHING: State = { overview: undefined, samples: [], error: undefined, answeredMs: 0 };

/** Asks for the overview every other second, and for its new samples alone. A page that nobody sees does not ask. */
export function useOverview(): Feed {
  const [state, setState] = useState(NOTHING);
  const [round, setRound] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    let current = NOTHING;
    const look = async () => {
      clearTimeout(timer);
      current = await next(current);
      if (isOver) return;
      setState(current);
      if (!document.hidden) timer = setTimeout(look, POLL_MS);
    };
    const onVisible = () => {
      if (!document.hidden) void look();
    };
    document.addEventListener("visibilitychange", onVisible);
    void look();
    return () => {
      isOver = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [round]);
  return { ...state, again: () => setRound(round + 1) };
}

async function next(state: State): Promise<State> {
  try {
    const afterMs = state.samples.at(-1)?.[0] ?? 0;
    const overview = await ask<Overview>(`api/overview?after=${afterMs}`);
    const oldestMs = overview.nowMs - KEPT_MS;
    const samples = [...state.samples, ...overview.history.samples].filter(
      ([atMs]) => (atMs ?? 0) > oldestMs,
    );
    return { overview, samples, error: undefined, answeredMs: performance.now() };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { ...state, error };
  }
}
