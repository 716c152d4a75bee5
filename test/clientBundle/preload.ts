// Puts the bundle for browsers in the place of the SDK's sources, for the SDK's own tests.
import { join } from "node:path";
import { plugin } from "bun";

const directory = process.env["SHARDCAST_TEST_BUNDLE"];
if (directory === undefined) throw new Error("SHARDCAST_TEST_BUNDLE names no directory");

plugin({
  name: "the bundle",
  setup(builder) {
    builder.onLoad({ filter: /packages\/client\/(client|deflate)\.ts$/ }, ({ path }) => {
      const name = path.endsWith("client.ts") ? "client.js" : "deflate.js";
      if (name === "client.js") console.error("tested the bundle");
      return { contents: `export * from ${JSON.stringify(join(directory, name))};`, loader: "js" };
    });
  },
});
