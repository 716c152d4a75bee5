import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHANNEL_BYTES_MAX } from "@shardcast/protocol/channel";
import { parseCursor } from "@shardcast/protocol/cursor";
import { pino } from "pino";
import { rejectionOf } from "../../../test/services/rejectionOf.ts";
import { complaints, loaded } from "../config/loadConfig.fixture.ts";
import { LocalServices } from "./localServices.ts";

const LEAST = "2MiB";
const PAYLOAD_BYTES_MAX = 1024 * 1024;

function item(bytes: number, channel = "a") {
  return { channel, data: Buffer.from(`"${"x".repeat(bytes - 2)}"`) };
}

test("the smallest log takes the largest message, and refuses a batch that it can not hold as a whole", async () => {
  const directory = mkdtempSync(join(tmpdir(), "shardcast-test-"));
  const { config } = loaded({ argv: ["--embedded-log-bytes", LEAST] });
  const services = new LocalServices(config, directory, pino({ level: "silent" }));
  try {
    services.start();
    const largest = item(PAYLOAD_BYTES_MAX, "c".repeat(CHANNEL_BYTES_MAX));
    expect(await services.publish([largest])).toHaveLength(1);
    const third = item(700_000);
    expect(await rejectionOf(services.publish([third, third, third]))).toMatchObject({
      code: "payload_too_large",
      message: expect.stringContaining("--embedded-log-bytes"),
    });
    const [next] = await services.publish([item(10)]);
    expect(parseCursor(next?.cursor ?? "")?.offset).toBe(1);
  } finally {
    services.stopFeeds();
    await services.close();
    rmSync(directory, { recursive: true });
  }
});

test("a smaller log is refused with the bound", () => {
  expect(complaints({ argv: ["--embedded-log-bytes", "1MiB"] })[0]).toContain("2MiB");
});
