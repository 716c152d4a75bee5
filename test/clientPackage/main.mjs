// For Node and Bun, in a project that has installed the package.
import { connect } from "@shardcast/client";
import { deflate } from "@shardcast/client/deflate";
import { keepLedger } from "./ledger.mjs";

const [url, encoding] = process.argv.slice(2);
const options = encoding === "deflate" ? { encoding: deflate } : {};
const report = await keepLedger({ connect }, url, options, () => console.log("ready"));
console.log(JSON.stringify(report));
