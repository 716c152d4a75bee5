// Writes docs/configuration.md anew from the schema of the settings.
import { writeFileSync } from "node:fs";
import { configurationReference } from "../packages/server/config/reference.ts";

writeFileSync(new URL("../docs/configuration.md", import.meta.url), configurationReference());
