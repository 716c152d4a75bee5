import { spawnSync } from "node:child_process";

export interface EngineOptions {
  /** What the engine is called with before its command, such as `--runtime runc`. */
  readonly engineFlags: readonly string[];
  /** What each container is run with. */
  readonly runFlags: readonly string[];
}

const RUN_MS_MAX = 300_000;

/** Docker or Podman, and the compose command that goes with it. */
export class Engine {
  readonly name: "docker" | "podman";
  readonly #options: EngineOptions;

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
    return this.#run([this.name, "stop", "-t", "40", container]);
  }

  start(container: string): Promise<void> {
    return this.#run([this.name, "start", container]);
  }

  /** Ids of a service's containers, in the order of their names. */
  containersOf(project: string, service: string): string[] {
    const labels = ["com.docker.compose", "io.podman.compose"].map(
      (prefix) => `${prefix}.project=${project}`,
    );
    const names = labels.flatMap((label) => {
      const list = ["ps", "-a", "--filter", `label=${label}`, "--format", "{{.Names}}"];
      return spawnSync(this.name, list, { encoding: "utf8" }).stdout.split("\n");
    });
    return [...new Set(names)].filter((name) => new RegExp(`[-_]${service}[-_]\\d+$`).test(name)).sort();
  }

  /** Runs `compose` with these arguments. */
  compose(
    files: readonly string[],
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<void> {
    const chosen = files.flatMap((file) => ["-f", file]);
    if (this.name === "docker") return this.#run(["docker", "compose", ...chosen, ...args], env);
    const { engineFlags, runFlags } = this.#options;
    const flags = [
      ...(engineFlags.length > 0 ? [`--podman-args=${engineFlags.join(" ")}`] : []),
      ...(runFlags.length > 0 ? [`--podman-run-args=${runFlags.join(" ")}`] : []),
    ];
    return this.#run(["podman-compose", ...flags, ...chosen, ...args], env);
  }

  runTool(command: readonly string[]): Promise<void> {
    return this.#run(command);
  }

  get #engine(): readonly string[] {
    return this.name === "podman" ? this.#options.engineFlags : [];
  }

  async #run(command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
    const child = Bun.spawn([...command], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
      cwd: `${import.meta.dir}/../..`,
      // A compose that waits for a container which never starts would wait for ever.
      timeout: RUN_MS_MAX,
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
