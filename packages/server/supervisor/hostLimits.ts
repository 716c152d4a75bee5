/** Files that a shard needs besides its clients: the log, the bus, Kafka's brokers, its own. */
export const FILES_RESERVED_PER_SHARD = 256;

/** How many files one process here may open; Infinity where the host sets no limit or does not tell. */
export function openFilesMax(): number {
  const { stdout, exitCode } = Bun.spawnSync(["sh", "-c", "ulimit -n"]);
  const text = stdout.toString().trim();
  return exitCode === 0 && /^\d+$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
}

/** What is wrong with caps on clients that the shards, or their files, could not hold; or undefined. */
export function connectionsProblem(
  { connectionsMax, connectionsPerShardMax }: ConnectionCaps,
  shards: number,
  filesMax: number,
): string | undefined {
  const eachMax = Math.max(0, filesMax - FILES_RESERVED_PER_SHARD);
  const files =
    `one process may open ${filesMax} files here, ${FILES_RESERVED_PER_SHARD} of them are kept back, so ` +
    `${shards * eachMax} clients fit. Raise the limit (ulimit -n), use more --shards, or lower`;
  if (connectionsMax > shards * eachMax)
    return `--max-connections ${connectionsMax} is more than ${shards} shard(s) can hold: ${files} --max-connections.`;
  if (connectionsPerShardMax > eachMax)
    return `--max-connections-per-shard ${connectionsPerShardMax} is more than a shard can hold: ${files} it.`;
  if (connectionsMax <= shards * connectionsPerShardMax) return undefined;
  return (
    `--max-connections ${connectionsMax} is more than ${shards} shard(s) of at most ${connectionsPerShardMax} hold: ` +
    "raise --max-connections-per-shard, use more --shards, or lower --max-connections."
  );
}

export interface ConnectionCaps {
  /** Of the whole instance. */
  readonly connectionsMax: number;
  readonly connectionsPerShardMax: number;
}
