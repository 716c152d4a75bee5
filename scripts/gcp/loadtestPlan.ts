/** What `pulumi stack output --json` of deploy/gcp tells, as far as a load test needs it. */
export interface StackOutputs {
  readonly project: string;
  readonly url: string;
  readonly registry: string;
  readonly groups: Readonly<Record<string, string>>;
  readonly loadtest?: { readonly region: string; readonly name: string } | null | undefined;
}

export interface Machine {
  readonly name: string;
  readonly zone: string;
}

/** One of the sizes that are asked for by name; rates and times are those of `loadtests/<size>.yaml`. */
export interface Size {
  readonly connections: number;
  readonly connectionsPerSecond: number;
  readonly messagesPerSecond: number;
  readonly holdSeconds: number;
}

export interface RemoteCommand {
  readonly machine: Machine;
  readonly command: string;
}

export interface LoadtestPlan {
  /** One for each machine that plays clients: they connect, and count by cursors what comes. */
  readonly clients: readonly RemoteCommand[];
  /** Publishes through Kafka from a machine that serves, with whose settings it logs in, once all clients are there. */
  readonly publisher: RemoteCommand;
  readonly publisherAfterMs: number;
  /** Prints what the client machine's report says. */
  readonly reportOf: (machine: Machine) => RemoteCommand;
}

/** The publisher's own clients count by numbers, so that what is lost shows too. */
const COUNTING_CLIENTS = 30;
/** Until the machines have the container started, and after the last message until all have it. */
const MARGIN_SECONDS = 30;
/** A topic of its own: it has to be among the stack's. */
const LOAD_TOPIC = "load";
const REPORT = "/tmp/loadtest.json";
const CONTAINER = "loadtest";

/** Splits a load over machines; throws where the stack is not made for one. */
export function planLoadtest(
  outputs: StackOutputs,
  image: string,
  players: readonly Machine[],
  server: Machine | undefined,
  size: Size,
): LoadtestPlan {
  if (players.length === 0)
    throw new Error(
      "no machine plays clients: set shardcast:loadtestMachines and run `pulumi up`, or wait until they run",
    );
  if (server === undefined) throw new Error("no machine serves: is there an image (shardcast:imageTag)?");
  const rampSeconds = size.connections / size.connectionsPerSecond;
  const holdSeconds = size.holdSeconds + 2 * MARGIN_SECONDS;
  const shares = players.map((_, index) => share(size.connections, players.length, index));
  return {
    clients: players.map((machine, index) => ({
      machine,
      command: [
        // What a run before this one has left.
        `sudo docker rm --force ${CONTAINER} > /dev/null 2>&1;`,
        `sudo docker run --name ${CONTAINER} --network host --ulimit nofile=1048576:1048576 ${image} loadtest`,
        `--urls ${outputs.url} --publish none --connections ${shares[index]}`,
        `--connections-per-second ${Math.max(1, Math.round(size.connectionsPerSecond / players.length))}`,
        `--hold-seconds ${holdSeconds} --without-metrics --report ${REPORT}`,
      ].join(" "),
    })),
    publisher: {
      machine: server,
      command: [
        "sudo docker exec shardcast shardcast loadtest --urls ws://127.0.0.1:3000/ws",
        `--connections ${COUNTING_CLIENTS} --publish kafka --topic ${LOAD_TOPIC}`,
        `--messages-per-second ${size.messagesPerSecond} --hold-seconds ${size.holdSeconds} --without-metrics --report ${REPORT}`,
      ].join(" "),
    },
    publisherAfterMs: (rampSeconds + MARGIN_SECONDS) * 1000,
    reportOf: (machine) => ({ machine, command: `sudo docker cp ${CONTAINER}:${REPORT} - | tar -xO` }),
  };
}

/** By way of Identity-Aware Proxy: no machine has an open SSH port. */
export function sshCommand(project: string, { machine, command }: RemoteCommand): readonly string[] {
  const where = ["--project", project, "--zone", machine.zone, "--tunnel-through-iap", "--quiet"];
  return ["gcloud", "compute", "ssh", machine.name, ...where, "--command", command];
}

function share(connections: number, machines: number, index: number): number {
  return Math.floor(connections / machines) + (index < connections % machines ? 1 : 0);
}
