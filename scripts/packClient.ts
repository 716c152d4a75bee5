// Builds the SDK as it is published, and packs it: `npm publish dist/client` would put the same into a registry.
import { join } from "node:path";
import { buildClientPackage, packClientPackage } from "./clientPackage.ts";

const dist = join(import.meta.dir, "..", "dist");
await buildClientPackage(join(dist, "client"));
console.log(packClientPackage(join(dist, "client"), dist));
