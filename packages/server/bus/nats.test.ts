import { describe } from "bun:test";
import { natsAvailable, startNats } from "../../../test/services/nats.ts";
import { busConformance } from "./conformance.ts";
import { natsBus, stateOf, VARIANTS } from "./nats.fixture.ts";

describe.skipIf(!natsAvailable())("a bus on NATS", () => {
  for (const [name, variant] of Object.entries(VARIANTS)) {
    busConformance(`nats, ${name}`, async () => {
      const { server, bus } = await variant();
      const nats = await startNats(server);
      return {
        create: async (options) => {
          const created = natsBus({ ...bus(nats.port), ...options });
          await stateOf(created, "connected");
          return created;
        },
        cut: async () => {
          await nats.kill();
          return nats.restart;
        },
        hang: async () => {
          const resume = await nats.hang();
          return () => Promise.resolve(resume());
        },
        close: nats.stop,
      };
    });
  }
});
