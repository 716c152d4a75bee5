// The process of one shard. It lives and dies with its supervisor: when the channel to it closes, however that came
// about, nobody is left to hear of this shard, so it ends at once.
import type { Logger } from "pino";
import { StreamCollisionError } from "./log/streamId.ts";
import { createLogger } from "./logger.ts";
import { keepProgramTextSmall } from "./programText.ts";
import { Shard } from "./shard.ts";
import type { FromShard, ShardStart, ToShard } from "./supervisor/ipc.ts";

const BEAT_MS = 500;

let shard: Shard | undefined;

function tell(message: FromShard): void {
  process.send?.(message);
}

async function start(start: ShardStart): Promise<void> {
  const logger = createLogger(start.config.logging, {
    instance: start.config.instance.id,
    shard: start.shard,
  });
  process
    .on("uncaughtException", (error) => die(logger, error))
    .on("unhandledRejection", (error) => die(logger, error));
  try {
    shard = new Shard(start, logger);
    const opening = shard;
    setInterval(() => tell({ type: "beat", stats: opening.stats, positions: opening.positions }), BEAT_MS);
    tell({ type: "ready", port: await opening.open() });
    keepProgramTextSmall();
  } catch (error) {
    die(logger, error);
  }
}

/**
 * A defect costs this shard alone: the supervisor starts it anew, and its clients resume on another. What only another
 * configuration can mend ends the instance, also where it comes up late, as with a topic that was made meanwhile.
 */
function die(logger: Logger, error: unknown): void {
  if (error instanceof StreamCollisionError) tell({ type: "failed", message: error.message });
  logger.fatal({ err: error }, "shard crashed");
  process.exit(1);
}

process.on("message", (message: ToShard) => {
  switch (message.type) {
    case "start":
      void start(message.start);
      return;
    case "permits":
      shard?.setPermits(message.permits);
      return;
    case "tls":
      shard?.setTls(message.tls);
      return;
    case "health":
      shard?.setHealth(message.report, message.pressure);
      return;
    case "ask":
      void shard?.answer(message.question).then((answer) => tell({ type: "answer", id: message.id, answer }));
      return;
    case "handOver":
      void shard?.handOver();
      return;
    case "depart":
      shard?.depart(message.order);
      return;
    case "stop":
      void (shard?.close() ?? Promise.resolve()).finally(() => process.exit(0));
      return;
  }
});
process.on("disconnect", () => process.exit(0));
// A terminal's Ctrl-C reaches the whole group: the supervisor ends its shards in order.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
// To the group it means that something is to be read again, and the supervisor tells what.
process.on("SIGHUP", () => {});
