import type { BunPlugin } from "bun";
import { rewritten } from "./rewritten.ts";

/**
 * Leaves out of node-redis what the bus does not use: it subscribes, and sends commands as they are. The methods of
 * some 400 commands, and the table of which of them may be cached, are 5 MB in every process. Who calls such a method
 * all the same finds none, although types tell of it.
 */
export const redisParts: BunPlugin = {
  name: "redis parts",
  setup(build) {
    build.onLoad({ filter: /\/node_modules\/redis\/dist\/index\.js$/ }, () => ({
      loader: "js",
      contents: 'exports.createClient = require("@redis/client/dist/lib/client").default.create;',
    }));
    build.onLoad({ filter: /\/@redis\/client\/dist\/lib\/commands\/index\.js$/ }, async () => ({
      loader: "js",
      contents: COMMANDS_OF_A_CONNECTION,
    }));
    build.onLoad({ filter: /\/command-metadata\/command-metadata-data\.js$/ }, async ({ path }) => ({
      loader: "js",
      contents: await rewritten(path, /exports\.COMMAND_METADATA = \{.*/s, "exports.COMMAND_METADATA = {};"),
    }));
  },
};

/** What the client itself sends when it connects. */
const COMMANDS_OF_A_CONNECTION = `
exports.default = {
  AUTH: require("./AUTH").default,
  CLIENT_SETNAME: require("./CLIENT_SETNAME").default,
  READONLY: require("./READONLY").default,
};
exports.NON_STICKY_COMMANDS = exports.default;
Object.defineProperty(exports, "__esModule", { value: true });
`;
