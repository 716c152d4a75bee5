import type { BusState, ObservableBus } from "./bus.ts";

/** Resolves once the bus is in such a state. */
export function stateOf(bus: ObservableBus, isWanted: (state: BusState) => boolean): Promise<void> {
  if (isWanted(bus.state)) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = bus.onState((state) => {
      if (!isWanted(state)) return;
      stop();
      resolve();
    });
  });
}

/** Resolves with the bus once it is connected. */
export async function connected<Bus extends ObservableBus>(bus: Bus): Promise<Bus> {
  await stateOf(bus, (state) => state === "connected");
  return bus;
}
