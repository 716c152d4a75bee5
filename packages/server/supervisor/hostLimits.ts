/** Files that a shard needs besides its clients: the log, the bus, Kafka's brokers, its own. */
export const FILES_RESERVED_PER_SHARD = 256;

/** How many files one process here may open; Infinity where the host sets no limit or does not tell. */
export function openFilesMax(): number {
  const { stdout, exitCode } = Bun.spawnSync(["sh", "-c", "ulimit -n"]);
  const text = stdout.toString().trim();
  return exitCode === 0 && /^\d+$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
}

/** What is wrong with a cap on clients that the shards' files could not hold, or undefined. */
export function connectionsProblem(
  connectionsMax: number,
  shards: number,
  filesMax: number,
): string | undefined {
  const held = shards * Math.max(0, filesMax - FILES_RESERVED_PER_SHARD);
  if (connectionsMax <= held) return undefined;
  return (
    `--max-connections ${connectionsMax} is more than ${shards} shard(s) can hold: one process may open ${filesMax} ` +
    `files here, ${FILES_RESERVED_PER_SHARD} of them are kept back, so ${held} clients fit. Raise the limit ` +
    "(ulimit -n), use more --shards, or lower --max-connections."
  );
}
