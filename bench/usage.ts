/** Of `npm run bench`; every bench answers an unknown flag with it. */
export const BENCH_USAGE = `npm run bench -- [bench] [flags]; without a name: fanout, latency and cluster

  fanout      CPU and memory per delivery and client beside the runtime's floor: [--clients N] [--rate N] [--seconds N]
  latency     from Kafka to a client, nearly idle, on each bus
  cluster     what the bus costs a message
  coalescing  CPU and latency against rate: [--clients N] [--rates N,N] [--bounds N,N] [--seconds N] [--rounds N]
  deflate     bytes and CPU per delivery beside plain and permessage-deflate: [--clients N] [--rates N,N] [--seconds N] [--only <server>]
  events      event streams beside WebSockets: [--clients N] [--rate N] [--seconds N]
  capacity    12,000 to 100,000 clients held: [12k] [50k] [100k] [--bus redis|nats] [--hold-seconds N]
  profile     where the servers' time goes under the 12k load: [--clients N] [--hold-seconds N]
  storm       all clients back at once, resuming from 30 s ago: [--clients N] [--live N] [--rate N] [--away-seconds N]
              [--shards N] [--accepts N] [--from history,log] [--apart]
  slow        what stalled clients cost those that read, and whether they end on the last values:
              [--clients N] [--stalled N] [--rate N] [--bulk-rate N] [--seconds N] [--rounds N]
  soak        an hour of clients that come and vanish: are memory and open files flat?
              [--minutes N] [--warm-up-minutes N] [--rate N] [--residents N] [--shards N] [--seed N]
  peers       the same load on ws, Socket.IO, Centrifugo and Nchan:
              [--clients N] [--rate N] [--seconds N] [--batch N] [--only <peer>] [--write-docs]`;
