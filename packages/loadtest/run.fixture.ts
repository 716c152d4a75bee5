import { OPEN_ACCESS } from "./access.fixture.ts";
import { type RunOptions, runLoadTest } from "./coordinator.ts";
import type { Report } from "./report.ts";
import { readScenario } from "./scenario.ts";

const SHORT = { connections: 20, holdSeconds: 1.2, messagesPerSecond: 60, channels: ["a.load", "b.load"] };

/** A short run against a server; `over` goes before what that says. */
export function runOn(
  { url, admin }: { readonly url: string; readonly admin: string },
  over: Readonly<Record<string, unknown>> = {},
  options: Partial<Omit<RunOptions, "scenario">> = {},
): Promise<Report> {
  return runLoadTest({
    scenario: readScenario("", { ...SHORT, urls: [url], admins: [admin], ...over }),
    access: OPEN_ACCESS,
    kafka: undefined,
    signal: new AbortController().signal,
    onSample: () => undefined,
    ...options,
  });
}

/** The names of the checks that did not hold. */
export function brokenIn({ checks }: Pick<Report, "checks">): string[] {
  return checks.filter(({ held }) => !held).map(({ name }) => name);
}
