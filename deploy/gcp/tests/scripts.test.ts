// The scripts of a machine, run for real against a stand-in for Google's servers.
import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GCP } from "./examples.ts";

const FILES = `${GCP}machine/files`;
const GROUP = "projects/1/regions/europe-west1/instanceGroupManagers/shardcast-europe-west1";
const TOKEN = "ya29.token-of_the-machine";
const cleanups: Array<() => unknown> = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), "shardcast-gcp-"));
  cleanups.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

interface Google {
  preempted: boolean;
  /** What the group does to this machine, asked for the n-th time. */
  action: (asked: number) => string | undefined;
  readonly secrets: Readonly<Record<string, string>>;
}

/** Metadata server, Secret Manager and Compute Engine, as far as the scripts ask them; answers are laid out as Google's are. */
function standIn({ preempted = false, action = () => "NONE", secrets = {} }: Partial<Google> = {}) {
  const google: Google = { preempted, action, secrets };
  let asked = 0;
  const isAllowed = (request: Request) => request.headers.get("authorization") === `Bearer ${TOKEN}`;
  const json = (value: unknown) => new Response(JSON.stringify(value, null, 2));
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname.startsWith("/metadata/")) {
        if (request.headers.get("metadata-flavor") !== "Google") return new Response("", { status: 403 });
        const values: Record<string, Response> = {
          "project/project-id": new Response("example-project"),
          "instance/name": new Response("shardcast-b2"),
          "instance/attributes/created-by": new Response(GROUP),
          "instance/preempted": new Response(google.preempted ? "TRUE" : "FALSE"),
          "instance/service-accounts/default/token": new Response(
            JSON.stringify({ access_token: TOKEN, expires_in: 3599, token_type: "Bearer" }),
          ),
        };
        return values[pathname.slice("/metadata/".length)] ?? new Response("", { status: 404 });
      }
      if (!isAllowed(request)) return new Response("", { status: 401 });
      const [, secret] =
        /^\/secrets\/projects\/example-project\/secrets\/([^/]+)\/versions\/latest:access$/.exec(pathname) ??
        [];
      if (secret !== undefined) {
        const text = google.secrets[secret];
        if (text === undefined) return new Response("", { status: 404 });
        const payload = { data: Buffer.from(text).toString("base64"), dataCrc32c: "123" };
        return json({ name: `projects/1/secrets/${secret}/versions/1`, payload });
      }
      if (pathname === `/compute/${GROUP}/listManagedInstances` && request.method === "POST") {
        const now = google.action(++asked);
        if (now === undefined) return new Response("", { status: 503 });
        const instance = (name: string, currentAction: string) => ({
          instance: `https://www.googleapis.com/compute/v1/projects/p/zones/europe-west1-b/instances/${name}`,
          currentAction,
        });
        const others = [instance("shardcast-b", "DELETING"), instance("shardcast-b21", "DELETING")];
        return json({ managedInstances: [...others, instance("shardcast-b2", now)] });
      }
      return new Response("", { status: 404 });
    },
  });
  cleanups.push(() => server.stop(true));
  const base = `http://127.0.0.1:${server.port}`;
  return {
    google,
    env: { METADATA: `${base}/metadata`, SECRET_MANAGER: `${base}/secrets`, COMPUTE: `${base}/compute` },
  };
}

function start(script: string, env: Readonly<Record<string, string>>) {
  const child = Bun.spawn(["bash", `${FILES}/${script}`], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  cleanups.push(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  return child;
}

async function run(script: string, env: Readonly<Record<string, string>>) {
  const child = start(script, env);
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { output, errors, exitCode: await child.exited };
}

describe("fetchSecrets.sh", () => {
  const OWNER = `${process.getuid?.()}:${process.getgid?.()}`;

  function options(list: string) {
    const home = directory();
    writeFileSync(`${home}/list`, list);
    return { home, env: { LIST: `${home}/list`, TARGET: `${home}/secrets`, OWNER } };
  }

  test("writes each secret as it is, readable for its owner alone", async () => {
    const secrets = {
      "shardcast-password": 'pass"w\\ord\nwith lines\n',
      keys: "a:read:k",
      long: "x".repeat(60_000),
    };
    const { env } = standIn({ secrets });
    const { home, env: own } = options(
      "bus-password shardcast-password\napi-keys-file keys\nkafka-sasl-password long\n",
    );
    expect(await run("fetchSecrets.sh", { ...env, ...own })).toEqual({ output: "", errors: "", exitCode: 0 });
    expect(readdirSync(`${home}/secrets`).toSorted()).toEqual([
      "api-keys-file",
      "bus-password",
      "kafka-sasl-password",
    ]);
    expect(readFileSync(`${home}/secrets/bus-password`, "utf8")).toBe(secrets["shardcast-password"]);
    expect(readFileSync(`${home}/secrets/kafka-sasl-password`, "utf8")).toBe(secrets.long);
    expect(statSync(`${home}/secrets`).mode & 0o777).toBe(0o500);
    expect(statSync(`${home}/secrets/bus-password`).mode & 0o777).toBe(0o400);
    // A container that starts anew fetches again what may have changed.
    expect((await run("fetchSecrets.sh", { ...env, ...own })).exitCode).toBe(0);
  });

  test("with nothing to fetch leaves an empty directory", async () => {
    const { env } = standIn();
    const { home, env: own } = options("");
    expect((await run("fetchSecrets.sh", { ...env, ...own })).exitCode).toBe(0);
    expect(readdirSync(`${home}/secrets`)).toEqual([]);
  });

  test("fails where a secret is empty, so that Shardcast does not start with half of them", async () => {
    const { env } = standIn({ secrets: { none: "" } });
    const { home, env: own } = options("bus-password none\n");
    const { errors, exitCode } = await run("fetchSecrets.sh", { ...env, ...own });
    expect({ errors, exitCode }).toEqual({ errors: "fetchSecrets: none is empty\n", exitCode: 1 });
    expect(readdirSync(`${home}/secrets`)).not.toContain("bus-password");
  });

  test("names the secret that it may not read", async () => {
    const { env } = standIn();
    const { env: own } = options("bus-password elsewhere\n");
    const { errors, exitCode } = await run("fetchSecrets.sh", { ...env, ...own, RETRIES: "0" });
    expect(errors).toContain("elsewhere can not be read");
    expect(exitCode).toBe(1);
  });
});

describe("watchDeparture.sh", () => {
  function watch(env: Readonly<Record<string, string>>) {
    const home = directory();
    writeFileSync(`${home}/systemctl`, `#!/bin/sh\necho "$@" >> ${home}/called\n`, { mode: 0o755 });
    const options = { SYSTEMCTL: `${home}/systemctl`, EVERY_SECONDS: "0.02", GROUP_EVERY: "1" };
    return {
      called: () => readFileSync(`${home}/called`, "utf8"),
      result: run("watchDeparture.sh", { ...env, ...options }),
    };
  }

  test.each(["DELETING", "RECREATING", "RESTARTING", "STOPPING"])(
    "ends Shardcast once when the group is %s it",
    async (action) => {
      const { env } = standIn({ action: (asked) => (asked < 3 ? "NONE" : action) });
      const { called, result } = watch(env);
      expect(await result).toMatchObject({ errors: "", exitCode: 0 });
      expect(called()).toBe("stop shardcast.service\n");
    },
  );

  test("ends Shardcast when the machine is preempted", async () => {
    const { env } = standIn({ preempted: true });
    const { called, result } = watch(env);
    expect((await result).output).toContain("this machine is preempted");
    expect(called()).toBe("stop shardcast.service\n");
  });

  test("goes on through what others of the group go through, and through answers that do not come", async () => {
    const actions = ["NONE", "VERIFYING", "REFRESHING", undefined, undefined, "NONE", undefined, "DELETING"];
    let asked = 0;
    const { env } = standIn({
      action: (count) => {
        asked = count;
        return actions[count - 1];
      },
    });
    const { result } = watch(env);
    const { errors, exitCode } = await result;
    expect({ asked, exitCode }).toEqual({ asked: actions.length, exitCode: 0 });
    expect(errors.match(/the group can not be asked; asking on/g)).toHaveLength(2);
  });
});
