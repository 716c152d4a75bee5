import { expect, test } from "bun:test";
import { Engine } from "./engine.ts";

test("a run that is called off ends what is under way, and begins nothing more", async () => {
  const calledOff = new AbortController();
  const engine = new Engine("podman", { engineFlags: [], runFlags: [], signal: calledOff.signal });
  const underWay = engine.runTool(["sleep", "600"]);
  calledOff.abort(new Error("ended by SIGTERM"));
  await expect(underWay).rejects.toThrow("sleep 600 ended with");
  await expect(engine.runTool(["true"])).rejects.toThrow("ended by SIGTERM");
});
