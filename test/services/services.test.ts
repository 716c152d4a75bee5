import { expect, spyOn, test } from "bun:test";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "../processes.fixture.ts";
import { reportMissing } from "./find.ts";
import { until } from "./until.ts";

test("a service dies with the process that started it, even when that is killed", async () => {
  const directory = mkdtempSync(join(tmpdir(), "shardcast-guard-"));
  const script = `
    import { startGuarded } from ${JSON.stringify(join(import.meta.dir, "guardedProcess.ts"))};
    const service = await startGuarded(["sleep", "1000"], ${JSON.stringify({ logFile: join(directory, "log"), directory })});
    console.log(service.pid);
    setInterval(() => undefined, 1000);
  `;
  const starter = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  const { value } = await starter.stdout.getReader().read();
  const pid = Number(new TextDecoder().decode(value));
  expect(isAlive(pid)).toBe(true);
  starter.kill("SIGKILL");
  await until(() => !isAlive(pid) && !existsSync(directory), 5_000);
});

test("a service that is required and not there is a failure, otherwise a loud skip", () => {
  const before = process.env["SHARDCAST_REQUIRE_SERVICES"];
  // What is only played here must not stand among what was really skipped.
  const said = spyOn(console, "error").mockImplementation(() => undefined);
  try {
    process.env["SHARDCAST_REQUIRE_SERVICES"] = "kafka, imaginary";
    expect(() => reportMissing("imaginary", "imagine it")).toThrow("SHARDCAST_REQUIRE_SERVICES");
    expect(() => reportMissing("another", "imagine it")).not.toThrow();
    expect(said.mock.calls.flat().join("")).toContain("*** SKIPPED: The service another is not available");
    process.env["SHARDCAST_REQUIRE_SERVICES"] = "all";
    expect(() => reportMissing("another", "imagine it")).toThrow("imagine it");
  } finally {
    said.mockRestore();
    if (before === undefined) delete process.env["SHARDCAST_REQUIRE_SERVICES"];
    else process.env["SHARDCAST_REQUIRE_SERVICES"] = before;
  }
});
