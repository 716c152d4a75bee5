// Runs every task of Taskfile.yml dry, with the real go-task, and holds what they call to what is there.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Glob } from "bun";
import { parse } from "yaml";
import { COMMANDS } from "../packages/cli/commands.ts";
import { finished } from "./services/finished.ts";
import { taskProgram } from "./services/goTask.ts";

const ROOT = join(import.meta.dir, "..");
const task = taskProgram();
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

/** What issue and runbooks name. */
const NAMED = [
  ...["up", "down", "logs"].map((verb) => `local:multi:${verb}`),
  ...["up", "down", "scale", "test"].map((verb) => `local:horizontal:${verb}`),
  ...["12k", "50k", "100k"].flatMap((size) => [`loadtest:${size}`, `gcp:loadtest:${size}`]),
  ...[
    "setup",
    "deploy:horizontal",
    "scale:up",
    "scale:down",
    "status",
    "health",
    "logs",
    "rollout",
    "destroy",
  ].map((verb) => `gcp:${verb}`),
];

/** Tasks that cost money or take something away for good: they ask before. */
const ASKING = /^(local:\w+:delete|gcp:(setup|image|deploy:\w+|scale:\w+|loadtest:\d+k|rollout|destroy))$/;

/** What a task wants to be told. */
const VARIABLES = [
  ...[
    "N=5",
    "PROJECT=some-project",
    "REGION=europe-west1",
    "TAG=1.2.3",
    "MACHINE=shardcast-x",
    "ZONE=europe-west1-b",
  ],
  ...["BEFORE=package.json", "AFTER=package.json"],
];

/** What tasks make, so that it need not be there. */
const MADE = ["deploy/gcp/Pulumi.production.yaml", "deploy/gcp/.Pulumi.production.before.yaml"];

/**
 * Programs that need not be on a machine on which tests run. Dry, no task's command is ever run: these answer only what
 * preconditions and variables ask.
 */
const PROGRAMS: Readonly<Record<string, string>> = {
  docker: "exit 0",
  gcloud: "exit 0",
  curl: "exit 0",
  pulumi:
    'case "$*" in *"output registry"*) echo europe-west1-docker.pkg.dev/some-project/shardcast/shardcast ;; *"get shardcast:protect"*) echo false ;; esac',
};

interface Listed {
  readonly tasks: ReadonlyArray<{ readonly name: string; readonly desc: string }>;
}

interface Taskfile {
  readonly tasks: Readonly<Record<string, { readonly prompt?: string; readonly internal?: boolean }>>;
}

const TASKFILES = {
  "": "Taskfile.yml",
  "local:": "deploy/tasks/local.yml",
  "loadtest:": "deploy/tasks/loadtest.yml",
  "gcp:": "deploy/tasks/gcp.yml",
};

let bin = "";
beforeAll(() => {
  bin = mkdtempSync(join(tmpdir(), "shardcast-task-"));
  for (const [program, body] of Object.entries(PROGRAMS)) {
    writeFileSync(join(bin, program), `#!/bin/sh\n${body}\n`);
    chmodSync(join(bin, program), 0o755);
  }
});
afterAll(() => rmSync(bin, { recursive: true, force: true }));

interface Ran {
  readonly exitCode: number;
  readonly output: string;
}

async function run(args: readonly string[], path = `${bin}:${process.env["PATH"]}`): Promise<Ran> {
  const child = Bun.spawn([task ?? "", "--color=false", ...args], {
    cwd: ROOT,
    env: { ...process.env, PATH: path },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const { exitCode, stdout, stderr } = await finished(child);
  return { exitCode, output: stdout + stderr };
}

/** Runs for real, with these programs in place of those of the same name. */
async function runWith(programs: Readonly<Record<string, string>>, args: readonly string[]): Promise<Ran> {
  const own = mkdtempSync(join(tmpdir(), "shardcast-task-"));
  try {
    for (const [program, body] of Object.entries(programs))
      writeFileSync(join(own, program), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    return await run(args, `${own}:${bin}:${process.env["PATH"]}`);
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

const dry = (name: string) => run(["--dry", name, ...VARIABLES]);

/** Each task of the files, by its whole name. */
const TASKS = Object.entries(TASKFILES).flatMap(([prefix, file]) =>
  Object.entries((parse(read(file), { merge: true }) as Taskfile).tasks).map(
    ([name, body]) => [`${prefix}${name}`, body] as const,
  ),
);
const PUBLIC = TASKS.filter(([, { internal }]) => internal !== true).map(([name]) => name);

test("the tasks ask before they cost or delete", () => {
  const silent = TASKS.filter(([name, { prompt }]) => ASKING.test(name) && (prompt ?? "") === "");
  expect(silent.map(([name]) => name)).toEqual([]);
});

test("pages name tasks that there are", () => {
  const pages = ["README.md", ...new Glob("docs/**/*.md").scanSync(ROOT)];
  const named = pages.flatMap((page) =>
    [...read(page).matchAll(/(?:^|`)task ([a-z][\w-]*(?::[\w-]+)*)/gm)].map(
      ([, name = ""]) => `${page}: ${name}`,
    ),
  );
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter((one) => !PUBLIC.includes(one.split(": ")[1] ?? ""))).toEqual([]);
});

describe.skipIf(task === undefined)("Taskfile.yml", () => {
  test("has every task that is named elsewhere, each with a description", async () => {
    const { tasks } = JSON.parse((await run(["--list-all", "--json"])).output) as Listed;
    const names = tasks.map(({ name }) => name);
    expect(NAMED.filter((name) => !names.includes(name))).toEqual([]);
    expect(tasks.filter(({ desc }) => desc.length < 10)).toEqual([]);
    expect(names.sort()).toEqual([...PUBLIC].sort());
  });

  test.each(PUBLIC)("%s runs dry, and what it calls is there", async (name) => {
    const { exitCode, output } = await dry(name);
    expect({ output, exitCode }).toMatchObject({ exitCode: 0 });
    const lines = output.split("\n").flatMap((line) => /^task: \[[\w:-]+\] (.*)$/.exec(line)?.[1] ?? []);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.flatMap(missing)).toEqual([]);
  });

  test.each([["local:multi:up", "no container engine: install Docker"]])(
    "%s says what is missing",
    async (name, message) => {
      // A path on which is a shell, and nothing else.
      const bare = mkdtempSync(join(tmpdir(), "shardcast-task-"));
      try {
        for (const program of ["sh", "test"])
          writeFileSync(join(bare, program), `#!/bin/sh\nexec ${Bun.which(program)} "$@"\n`, { mode: 0o755 });
        const { exitCode, output } = await run(["--dry", name, ...VARIABLES], bare);
        expect(exitCode).not.toBe(0);
        expect(output).toContain(message);
      } finally {
        rmSync(bare, { recursive: true, force: true });
      }
    },
  );

  test.each([
    [
      "gcp:ssh",
      ["MACHINE=m", "ZONE=z", "--", "docker", "ps", "--filter", "name=a b"],
      "docker ps --filter 'name=a b'",
    ],
    [
      "gcp:logs",
      ["PROJECT=p", `FILTER=jsonPayload.message:"can't"`],
      `resource.type="gce_instance" AND logName="projects/p/logs/cos_containers" AND (jsonPayload.instance=~"^shardcast-([a-z]+-[a-z]+[0-9]+|loadtest)-") AND (jsonPayload.message:"can't")`,
    ],
    ["loadtest:smoke", ["URLS=ws://host/ws?token=a&other=b"], "ws://host/ws?token=a&other=b"],
  ])("%s hands on what it was told in one piece", async (name, args, told) => {
    const telling = mkdtempSync(join(tmpdir(), "shardcast-task-"));
    try {
      for (const program of ["gcloud", "npm"])
        writeFileSync(
          join(telling, program),
          '#!/bin/sh\ncase "$*" in *"instances list"*) exit 0 ;; esac\nprintf "<%s>\\n" "$@"\n',
          { mode: 0o755 },
        );
      const { exitCode, output } = await run([name, ...args], `${telling}:${bin}:${process.env["PATH"]}`);
      expect({ output, exitCode }).toMatchObject({ exitCode: 0 });
      expect(output.split("\n")).toContain(`<${told}>`);
    } finally {
      rmSync(telling, { recursive: true, force: true });
    }
  });

  test.each(["local:horizontal:loadtest", "local:horizontal:doctor"])(
    "%s leaves the cluster that runs as it is, also where it was scaled or has another bus",
    async (name) => {
      expect((await dry(name)).output).toMatch(/ run --rm --no-deps /);
    },
  );

  test("logs are those of one stack: of its machines, and of those that are gone by what its lines say", async () => {
    const asked = await runWith(
      {
        pulumi: 'case "$*" in *"get shardcast:name"*) echo odin ;; esac',
        gcloud: `case "$*" in
  *"instances list"*"labels.cluster=odin "*) printf '11\\n12\\n' ;;
  *"logging read"*) printf '%s\\n' "$@" newest older ;;
esac`,
      },
      ["gcp:logs", "PROJECT=p", "SINCE=1h"],
    );
    expect(asked.exitCode).toBe(0);
    const [, filter = "", gone = ""] =
      /AND \((.* OR )jsonPayload\.instance=~"(.*)"\)/.exec(asked.output) ?? [];
    expect(filter).toBe('resource.labels.instance_id="11" OR resource.labels.instance_id="12" OR ');
    const isOwn = (instance: string) => new RegExp(gone).test(instance);
    expect(["odin-europe-west1-ab12-p1", "odin-loadtest-cd34-p1"].map(isOwn)).toEqual([true, true]);
    expect(["odin-b-europe-west1-ab12-p1", "thor-europe-west1-ab12-p1"].map(isOwn)).toEqual([false, false]);
    // gcloud heeds --freshness for the newest first alone; they are read in the order in which they came.
    const lines = asked.output.split("\n");
    expect(lines.slice(lines.indexOf("older"))).toContain("newest");
    expect(lines[lines.indexOf("--order") - 1]).toBe("desc");
  });

  test("groups are those of one stack, by a pattern in quotes: gcloud takes parentheses outside of them for its own", async () => {
    const [, pattern = ""] = /--filter 'name ~ "([^"]*)"'/.exec((await dry("gcp:status")).output) ?? [];
    const isOwn = (group: string) => new RegExp(pattern).test(group);
    expect(["shardcast-europe-west1", "shardcast-loadtest"].map(isOwn)).toEqual([true, true]);
    expect(["shardcast-b-europe-west1", "b-shardcast-loadtest"].map(isOwn)).toEqual([false, false]);
  });

  describe.each([
    ["gcp:scale:up", ["REGION=europe-west1", "N=8", "MAX=24"]],
    ["gcp:scale:down", ["REGION=europe-west1", "N=3"]],
    ["gcp:deploy:horizontal", ["TAG=1.2.3"]],
    ["gcp:rollout", ["TAG=1.2.3", "REGION=europe-west1", "PROJECT=p"]],
  ])("%s", (name, variables) => {
    // A stack of this run alone: what it writes is a file of this tree.
    const stack = `test-${process.pid}`;
    const file = join(ROOT, `deploy/gcp/Pulumi.${stack}.yaml`);
    const before = "config:\n  shardcast:name: odin\n";
    const pulumi = (refused: string) => `case "$*" in
  *"config set"*) echo "$*" >> ${file} ;;
  *" ${refused} "*) echo "refused: $*"; exit 1 ;;
  *" up "*) echo deployed ;;
esac`;
    const change = (refused: string) => {
      writeFileSync(file, before);
      return runWith({ pulumi: pulumi(refused), gcloud: "exit 0" }, [
        "--yes",
        name,
        `STACK=${stack}`,
        ...variables,
      ]);
    };
    afterEach(() => rmSync(file, { force: true }));

    test("leaves the settings as they were where they are refused", async () => {
      const { exitCode, output } = await change("preview");
      expect(exitCode).not.toBe(0);
      expect(output).toContain("refused: ");
      expect(output).not.toContain("deployed");
      expect(readFileSync(file, "utf8")).toBe(before);
    });

    test("writes each of them down, and keeps them where the deployment stops on its way", async () => {
      const { exitCode } = await change("up");
      expect(exitCode).not.toBe(0);
      const written = readFileSync(file, "utf8");
      expect(written).toStartWith(before);
      const values = variables.flatMap((variable) => /^(?:N|MAX|TAG)=(.*)/.exec(variable)?.[1] ?? []);
      for (const value of values) expect(written).toContain(` ${value} --stack ${stack}\n`);
      expect((await change("nothing")).output).toContain("deployed");
    });

    test("leaves nothing beside them", async () => {
      await change("nothing");
      await change("preview");
      expect([...new Glob(`deploy/gcp/{.,}*${stack}*`).scanSync({ cwd: ROOT, dot: true })]).toEqual([
        `deploy/gcp/Pulumi.${stack}.yaml`,
      ]);
    });
  });

  test("the image is for the machines in the cloud, whatever the one is that builds it", async () => {
    expect((await dry("gcp:image")).output).toContain(" build --platform linux/amd64 ");
  });

  test("a prepared project has what the next steps of the first deployment use before Pulumi runs", async () => {
    const [steps = ""] = read("docs/operations/first-deployment.md").split("task gcp:deploy:base");
    expect(steps).toContain("gcloud secrets create");
    expect((await dry("gcp:setup")).output).toContain("secretmanager.googleapis.com");
  });

  test("refuses what cannot be meant", async () => {
    const wrong = [
      ["local:horizontal:scale", "N=99"],
      ["local:horizontal:up", "BUS=pigeon"],
      ["local:horizontal:loadtest", "SCENARIO=nothing"],
      ["gcp:scale:up", "N=501"],
    ];
    for (const [name = "", variable = ""] of wrong) {
      const { exitCode, output } = await run(["--dry", name, "REGION=europe-west1", variable]);
      expect({ name, exitCode }).toEqual({ name, exitCode: 201 });
      expect(output).toContain(variable.split("=")[1] ?? "");
    }
  });

  test("asks in vain where nobody is there to answer", async () => {
    const { exitCode, output } = await run(["local:multi:delete"]);
    expect(exitCode).not.toBe(0);
    expect(output).toContain("cancelled because it has a prompt");
  });
});

/** What a command line names and is not there. */
function missing(line: string): string[] {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  const faults: string[] = [];
  for (const [, script = ""] of line.matchAll(/npm (?:run (?:--silent )?|(?=start|test))([\w:]+)/g))
    if (scripts[script] === undefined) faults.push(`npm run ${script}`);
  const { scripts: ofStack } = JSON.parse(read("deploy/gcp/package.json")) as {
    scripts: Record<string, string>;
  };
  for (const [, script = ""] of line.matchAll(/npm run --prefix deploy\/gcp ([\w:]+)/g))
    if (ofStack[script] === undefined) faults.push(`npm run --prefix deploy/gcp ${script}`);
  for (const [, command = ""] of line.matchAll(/shardcast -- ([\w-]+)/g))
    if (!Object.hasOwn(COMMANDS, command)) faults.push(`shardcast ${command}`);
  // Files of this repository, also where a container sees them.
  for (const [, path = ""] of line.matchAll(
    /(?:^|\s|\/shardcast\/)((?:docker-compose|loadtests|deploy|scripts)[\w./-]*)/g,
  ))
    if (!existsSync(join(ROOT, path)) && !MADE.includes(path)) faults.push(path);
  faults.push(...missingInStack(line));
  const compose = [...line.matchAll(/-f (docker-compose\.\w+\.yml)/g)].map(([, file = ""]) => file);
  for (const file of compose) faults.push(...missingInCompose(line, file));
  return faults;
}

function missingInCompose(line: string, file: string): string[] {
  const { services } = parse(read(file), { merge: true }) as {
    services: Record<string, { profiles?: string[] }>;
  };
  const profiles = Object.values(services).flatMap(({ profiles = [] }) => profiles);
  const named = [...line.matchAll(/--profile (\w+)/g)].map(([, name = ""]) => name);
  const scaled = [...line.matchAll(/--scale (\w+)=/g)].map(([, name = ""]) => name);
  return [
    ...named.filter((name) => !profiles.includes(name)).map((name) => `profile ${name} in ${file}`),
    ...scaled.filter((name) => services[name] === undefined).map((name) => `service ${name} in ${file}`),
  ];
}

/** Settings and outputs of the program in deploy/gcp, and names that it makes. */
function missingInStack(line: string): string[] {
  if (!line.includes("pulumi ")) return [];
  const settings = [...line.matchAll(/shardcast:(\w+)/g)].map(([, name = ""]) => name);
  const nested = [...line.matchAll(/"\]\.(\w+)/g)].map(([, name = ""]) => name);
  const outputs = [...line.matchAll(/stack output (\w+)/g)].map(([, name = ""]) => name);
  const schema = read("deploy/gcp/settings/schema.ts");
  const program = read("deploy/gcp/main.ts");
  return [
    ...[...settings, ...nested]
      .filter((name) => !schema.includes(`  ${name}: `))
      .map((name) => `setting ${name}`),
    ...outputs
      .filter((name) => !new RegExp(`export const .*\\b${name}\\b`).test(program))
      .map((name) => `output ${name}`),
  ];
}
