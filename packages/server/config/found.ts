import type { Origin } from "./problem.ts";
import type { GivenValues } from "./resolveValues.ts";

/** What the settings say, with where each was said. */
export interface Found {
  readonly values: GivenValues;
  readonly origins: Readonly<Record<keyof GivenValues, Origin>>;
  /** Settings whose value was refused: `values` has the default for them, or nothing, which must not mislead. */
  readonly refused: ReadonlySet<string>;
}
