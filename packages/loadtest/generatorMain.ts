// A process of clients, which its coordinator starts and tells what to do.
import { Generator } from "./generator.ts";
import type { ToGenerator } from "./generatorMessages.ts";

let generator: Generator | undefined;

// Ctrl-C reaches the whole group; the coordinator ends this process when the figures are in.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
process.once("disconnect", () => process.exit(0));
process.on("message", (message: ToGenerator) => {
  switch (message.type) {
    case "start":
      generator = new Generator(message.start);
      return;
    case "look":
      if (generator !== undefined) process.send?.(generator.beat("beat"));
      return;
    case "expect":
      return generator?.expect();
    case "disturb":
      return generator?.disturb();
    case "storm":
      return generator?.storm(message.share);
    case "calm":
      return generator?.calm();
    case "audit":
      generator?.audit(message);
      process.send?.(generator?.beat("audited"));
      return;
  }
});
