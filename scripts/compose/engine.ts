import { spawnSync } from "node:child_process";

export interface EngineOptions {
  /** What the engine is called with before its command, such as `--runtime runc`. */
  readonly engineFlags: readonly string[];
  /** What each container is run with. */
  readonly runFlags: readonly string[];
  /** Aborted when the run is called off: what is under way is ended, and only what takes down still runs. */
  readonly signal: AbortSignal;
}

const RUN_MS_MAX = 300_000;
/** As the compose files say (`stop_grace_period`): an instance sends its clients elsewhere for up to a minute. */
export const STOP_SECONDS = "75";
/** A container on which another depends goes only after that one. */
const REMOVE_TRIES_MAX = 5;

/** Docker or Podman, and the compose command that goes with it. */
export class Engine {
  readonly name: "docker" | "podman";
  readonly #options: EngineOptions;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(name: "docker" | "podman", options: EngineOptions) {
    this.name = name;
    this.#options = options;
  }

  hasImage(image: string): boolean {
    return spawnSync(this.name, ["image", "inspect", image], { stdio: "ignore" }).status === 0;
  }

  build(image: string, context: string): Promise<void> {
    return this.#run([this.name, ...this.#engine, "build", "--network", "host", "-t", image, context]);
  }

  import(file: string, image: string): Promise<void> {
    return this.#run([this.name, "import", file, image]);
  }

  stop(container: string): Promise<void> {
    return this.#run([this.name, "stop", "-t", STOP_SECONDS, container]);
  }

  start(container: string): Promise<void> {
    return this.#run([this.name, "start", container]);
  }

  /** Ids of a service's containers, in the order of their names. */
  containersOf(project: string, service: string): string[] {
    return this.#containers(project)
      .filter((name) => new RegExp(`[-_]${service}[-_]\\d+$`).test(name))
      .sort();
  }

  /** Runs `compose` with these arguments. */
  compose(
    files: readonly string[],
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<void> {
    return this.#run(this.#composeCommand(files, args), env);
  }

  /**
   * Takes a project down, its containers and networks, and with `withVolumes` its data, also when the run was called off. What compose itself leaves is
   * removed after it: Podman's knows only the instances that the file names, and not those of `--scale`.
   */
  async down(
    project: string,
    files: readonly string[],
    profiles: readonly string[],
    withVolumes: boolean,
  ): Promise<void> {
    await Promise.allSettled([...this.#underWay]);
    const chosen = profiles.flatMap((profile) => ["--profile", profile]);
    const command = this.#composeCommand(files, [
      ...chosen,
      "down",
      ...(withVolumes ? ["-v"] : []),
      "-t",
      STOP_SECONDS,
    ]);
    // A fault of it shows in what is left.
    await this.#toItsEnd(command, {}, undefined).catch(() => undefined);
    for (let tries = 0; ; tries++) {
      const left = [
        ...this.#containers(project),
        ...this.#storesAndNetworks(project, withVolumes).flatMap(([, names]) => names),
      ];
      if (left.length === 0) return;
      if (tries === REMOVE_TRIES_MAX) throw new Error(`these stay: ${left.join(", ")}`);
      await this.#remove(project, withVolumes);
    }
  }

  runTool(command: readonly string[]): Promise<void> {
    return this.#run(command);
  }

  get #engine(): readonly string[] {
    return this.name === "podman" ? this.#options.engineFlags : [];
  }

  #composeCommand(files: readonly string[], args: readonly string[]): readonly string[] {
    const chosen = files.flatMap((file) => ["-f", file]);
    if (this.name === "docker") return ["docker", "compose", ...chosen, ...args];
    const { engineFlags, runFlags } = this.#options;
    const flags = [
      ...(engineFlags.length > 0 ? [`--podman-args=${engineFlags.join(" ")}`] : []),
      ...(runFlags.length > 0 ? [`--podman-run-args=${runFlags.join(" ")}`] : []),
    ];
    return ["podman-compose", ...flags, ...chosen, ...args];
  }

  async #remove(project: string, withVolumes: boolean): Promise<void> {
    const quietly = (...args: string[]) =>
      this.#toItsEnd([this.name, ...this.#engine, ...args], {}, undefined).catch(() => undefined);
    const containers = this.#containers(project);
    if (containers.length > 0) await quietly("stop", "-t", STOP_SECONDS, ...containers);
    for (const container of containers) await quietly("rm", "-f", container);
    for (const [kind, names] of this.#storesAndNetworks(project, withVolumes))
      if (names.length > 0) await quietly(kind, "rm", ...names);
  }

  #containers(project: string): string[] {
    return this.#ofProject(project, ["ps", "-a"], "{{.Names}}");
  }

  #storesAndNetworks(
    project: string,
    withVolumes: boolean,
  ): Array<readonly [kind: "volume" | "network", names: string[]]> {
    const kinds = withVolumes ? (["volume", "network"] as const) : (["network"] as const);
    return kinds.map((kind) => [kind, this.#ofProject(project, [kind, "ls"], "{{.Name}}")]);
  }

  /** Names of what carries the project's label, as either compose writes it. */
  #ofProject(project: string, list: readonly string[], format: string): string[] {
    const names = ["com.docker.compose", "io.podman.compose"].flatMap((prefix) => {
      const filter = ["--filter", `label=${prefix}.project=${project}`, "--format", format];
      return spawnSync(this.name, [...list, ...filter], { encoding: "utf8" }).stdout.split("\n");
    });
    return [...new Set(names)].filter((name) => name !== "");
  }

  async #run(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#options.signal.throwIfAborted();
    const ended = this.#toItsEnd(command, env, this.#options.signal);
    this.#underWay.add(ended);
    try {
      await ended;
    } finally {
      this.#underWay.delete(ended);
    }
  }

  async #toItsEnd(
    command: readonly string[],
    env: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const child = Bun.spawn([...command], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
      cwd: `${import.meta.dir}/../..`,
      // A compose that waits for a container which never starts would wait for ever.
      timeout: RUN_MS_MAX,
      // Ctrl-C in a terminal is for us, who end it in order.
      detached: true,
      ...(signal && { signal }),
    });
    const [output, errors] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    const exitCode = await child.exited;
    if (exitCode === 0) return;
    throw new Error(`${command.join(" ")} ended with ${exitCode}:\n${`${output}${errors}`.slice(-4000)}`);
  }
}

/** The engine that is there and answers: Docker with compose, else Podman with podman-compose. */
export function findEngine(options: EngineOptions): Engine {
  const answers = (command: string, ...args: string[]) =>
    Bun.which(command) !== null &&
    spawnSync(command, args, { stdio: "ignore", timeout: 20_000 }).status === 0;
  if (answers("docker", "info") && answers("docker", "compose", "version"))
    return new Engine("docker", options);
  if (answers("podman", "info") && answers("podman-compose", "--version"))
    return new Engine("podman", options);
  throw new Error(
    "no container engine: install Docker with its compose plugin, or Podman with podman-compose",
  );
}
