import { expect, test } from "bun:test";
import { rejectionOf } from "../../test/services/rejectionOf.ts";
import { Engine } from "./engine.ts";

test("a run that is called off ends what is under way, and begins nothing more", async () => {
  const calledOff = new AbortController();
  const engine = new Engine("podman", { engineFlags: [], runFlags: [], signal: calledOff.signal });
  const underWay = engine.runTool(["sleep", "600"]);
  calledOff.abort(new Error("ended by SIGTERM"));
  expect(await rejectionOf(underWay)).toMatchObject({
    message: expect.stringContaining("sleep 600 ended with"),
  });
  expect(await rejectionOf(engine.runTool(["true"]))).toMatchObject({
    message: expect.stringContaining("ended by SIGTERM"),
  });
});
