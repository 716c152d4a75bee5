import type { ReconnectableBus } from "./bus.ts";
import { LocalBroadcastBus } from "./local.ts";

/** The bus that the configuration names. Only this file and tests know the drivers. */
export function openBus(config: { readonly url: string }, localPath: string): ReconnectableBus {
  if (config.url === "local:") return new LocalBroadcastBus({ path: localPath });
  throw new Error(`no driver for the bus ${config.url}`);
}
