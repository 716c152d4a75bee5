import { readSettings, type SettingInputs } from "@shardcast/server/config/readSettings";
import { SETTINGS } from "@shardcast/server/config/settings";

const { adminHost, adminPort } = SETTINGS;
/** What listens everywhere is asked on this machine. */
const EVERYWHERE: ReadonlySet<string> = new Set(["0.0.0.0", "::", "[::]"]);

/** The admin port of an instance that was started with the same variables as this command, such as in the same container. */
export function ownAdminUrl({ env, readFile }: Pick<SettingInputs, "env" | "readFile">): string {
  // What is wrong with other variables is the server's to say.
  const { values } = readSettings({ adminHost, adminPort }, { argv: [], env, readFile }, SETTINGS);
  const host = EVERYWHERE.has(values.adminHost) ? adminHost.default : values.adminHost;
  const named = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  // 0 is any port that is free, and nobody outside of the server knows which.
  return `http://${named}:${values.adminPort || adminPort.default}`;
}
