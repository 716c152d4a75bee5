import { expect, test } from "bun:test";
import { planText } from "../planText.ts";
import { EXAMPLES, example, ROOT } from "./examples.ts";

test.each(EXAMPLES)(
  "the plan of %s in docs/gcp is the one that is made (npm run plan -- --write)",
  async (name) => {
    const written = await Bun.file(`${ROOT}docs/gcp/${name.replace(".yaml", ".txt")}`).text();
    expect(written).toBe(`${planText(await example(name))}\n`);
  },
);

test("a plan tells that there is a secret, and not which", async () => {
  const plan = planText(await example("one-region.yaml"));
  expect(plan).toContain("secretData:\n    (secret)");
  expect(plan).not.toContain("made-by-google");
});
