// `npm run gcp:loadtest -- --size 12k [--stack production]`: a load test against a stack of deploy/gcp, by its machines that play
// clients. Each of them prints its table; their reports go to bench/results. The exit code is 0 where every check held.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import {
  type LoadtestPlan,
  type Machine,
  planLoadtest,
  type RemoteCommand,
  type Size,
  type StackOutputs,
  sshCommand,
} from "./gcp/loadtestPlan.ts";
import { machinesThatStay } from "./gcp/machines.ts";
import { scriptFlags } from "./scriptFlags.ts";

const USAGE = `npm run gcp:loadtest -- --size 12k|50k|100k [--machines N] [--stack production] [--dry-run]

  --size      which of loadtests/<size>.yaml
  --machines  wait until so many machines that play clients are there (1)
  --stack     stack of deploy/gcp (production)
  --dry-run   print what would run on which machine, and run nothing`;

const { values } = scriptFlags(USAGE, {
  options: {
    size: { type: "string", default: "12k" },
    machines: { type: "string", default: "1" },
    stack: { type: "string", default: "production" },
    "dry-run": { type: "boolean", default: false },
  },
});
const ROOT = `${import.meta.dir}/..`;
const OUTPUTS = z.object({
  project: z.string(),
  url: z.string(),
  registry: z.string(),
  groups: z.record(z.string(), z.string()),
  loadtest: z.object({ region: z.string(), name: z.string() }).nullish(),
});
const SIZE = z.object({
  connections: z.number(),
  connectionsPerSecond: z.number(),
  messagesPerSecond: z.number(),
  holdSeconds: z.number(),
});

const MACHINES_MS_MAX = 900_000;
const LOOK_MS = 10_000;
const wanted = Number(values.machines);

if (!(wanted >= 1) || !["12k", "50k", "100k"].includes(values.size)) {
  console.log(USAGE);
  process.exit(2);
}
try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error(`gcp:loadtest: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function main(): Promise<boolean> {
  const size: Size = SIZE.parse(parse(readFileSync(`${ROOT}/loadtests/${values.size}.yaml`, "utf8")));
  const stack = ["-C", "deploy/gcp", "--stack", values.stack];
  const outputs: StackOutputs = OUTPUTS.parse(
    JSON.parse(ask("pulumi", "stack", "output", "--json", ...stack)),
  );
  const [[region, group] = []] = Object.entries(outputs.groups);
  const server = region && group ? machinesOf(outputs.project, region, group)[0] : undefined;
  const players = await readyPlayers(outputs);
  const plan = planLoadtest(outputs, imageOf(outputs.registry, stack), players, server, size);
  if (values["dry-run"]) {
    for (const remote of [...plan.clients, plan.publisher])
      console.log(sshCommand(outputs.project, remote).join(" "));
    return true;
  }
  return await run(outputs.project, plan);
}

/** The machines that play clients, once as many run as are wanted, each with the image. */
async function readyPlayers({ project, loadtest }: StackOutputs): Promise<readonly Machine[]> {
  if (!loadtest) return [];
  const deadline = Date.now() + MACHINES_MS_MAX;
  for (;;) {
    const running = machinesOf(project, loadtest.region, loadtest.name);
    if (running.length >= wanted && (values["dry-run"] || (await haveImage(project, running))))
      return running;
    if (Date.now() > deadline)
      throw new Error(
        `after ${MACHINES_MS_MAX / 60_000} minutes ${running.length} of ${wanted} machines are ready`,
      );
    console.log(`${running.length} of ${wanted} machines that play clients run`);
    await Bun.sleep(LOOK_MS);
  }
}

async function haveImage(project: string, machines: readonly Machine[]): Promise<boolean> {
  const command = "systemctl is-active shardcast-loadtest.service";
  const exitCodes = await Promise.all(machines.map((machine) => over(project, { machine, command })));
  return exitCodes.every((exitCode) => exitCode === 0);
}

async function run(project: string, plan: LoadtestPlan): Promise<boolean> {
  const clients = plan.clients.map((remote) => over(project, remote));
  const publisher = Bun.sleep(plan.publisherAfterMs).then(() => {
    console.log(`publishing from ${plan.publisher.machine.name}`);
    return over(project, plan.publisher);
  });
  const exitCodes = await Promise.all([...clients, publisher]);
  const directory = `${ROOT}/bench/results/gcp-${values.size}`;
  mkdirSync(directory, { recursive: true });
  for (const { machine } of plan.clients) {
    const [command = "", ...args] = sshCommand(project, plan.reportOf(machine));
    await Bun.write(`${directory}/${machine.name}.json`, ask(command, ...args));
  }
  console.log(`reports: bench/results/gcp-${values.size}`);
  return exitCodes.every((exitCode) => exitCode === 0);
}

/** Runs a command on a machine, and shows what it prints, with the machine's name before each line. */
async function over(project: string, remote: RemoteCommand): Promise<number> {
  const child = Bun.spawn([...sshCommand(project, remote)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const tell = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) console.log(`${remote.machine.name}: ${line}`);
    }
    if (rest !== "") console.log(`${remote.machine.name}: ${rest}`);
  };
  await Promise.all([tell(child.stdout), tell(child.stderr)]);
  return await child.exited;
}

function machinesOf(project: string, region: string, group: string): Machine[] {
  const list = ["compute", "instance-groups", "managed", "list-instances", group];
  const json = ask("gcloud", ...list, "--region", region, "--project", project, "--format", "json");
  return machinesThatStay(json);
}

/** The image that the machines have: what the stack names. */
function imageOf(registry: string, stack: readonly string[]): string {
  const config = z
    .record(z.string(), z.object({ value: z.string().optional() }))
    .parse(JSON.parse(ask("pulumi", "config", "--json", ...stack)));
  return config["shardcast:image"]?.value ?? `${registry}:${config["shardcast:imageTag"]?.value ?? ""}`;
}

function ask(command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (error !== undefined || status !== 0)
    throw new Error(`${command} ${args.slice(0, 4).join(" ")} failed: ${error?.message ?? stderr.trim()}`);
  return stdout;
}
