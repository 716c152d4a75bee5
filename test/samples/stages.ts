import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignJWT } from "jose";
import { startInstance, type TestInstance } from "../instance.fixture.ts";
import { sharedKafka } from "../services/kafka.ts";
import { freePorts } from "../services/ports.ts";
import type { Addresses } from "./addresses.ts";
import type { Stage } from "./blocks.ts";

const SECRET = "a secret of the samples, long enough";
const NOWHERE = "127.0.0.1:9";

/** Starts what samples run against once it is asked for, and keeps it for the next ones. */
export class Stages {
  #demo: Promise<TestInstance> | undefined;
  #tokens: Promise<{ instance: TestInstance; issuer: string }> | undefined;
  readonly #closing: (() => unknown)[] = [];

  /** `own` are the ports for a server that the page itself starts. */
  async addresses(stage: Stage, own: Addresses, usesKafka: boolean): Promise<Addresses> {
    const kafka = usesKafka ? ((await sharedKafka()).brokers[0] ?? NOWHERE) : NOWHERE;
    if (stage === "nothing") return { ...own, kafka };
    if (stage === "demo") {
      this.#demo ??= this.#start([]);
      return { ...addressesOf(await this.#demo), kafka };
    }
    this.#tokens ??= this.#startWithTokens();
    const { instance, issuer } = await this.#tokens;
    return { ...addressesOf(instance), kafka, issuer };
  }

  async close(): Promise<void> {
    for (const close of this.#closing.splice(0).reverse()) await close();
  }

  async #start(flags: readonly string[]): Promise<TestInstance> {
    const instance = await startInstance(["--shards", "1", "--demo", ...flags]);
    this.#closing.push(() => instance.end());
    return instance;
  }

  async #startWithTokens() {
    const directory = mkdtempSync(join(tmpdir(), "shardcast-samples-"));
    this.#closing.push(() => rmSync(directory, { recursive: true }));
    const file = join(directory, "secret");
    writeFileSync(file, SECRET);
    const issuer = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: issueToken });
    this.#closing.push(() => issuer.stop(true));
    return { instance: await this.#start(["--jwt-secret-file", file]), issuer: `127.0.0.1:${issuer.port}` };
  }
}

/** For a page whose samples start a server: two ports that nobody has. */
export async function ownAddresses(): Promise<Addresses> {
  const [clients, admin] = await freePorts(2);
  return { clients: `127.0.0.1:${clients}`, admin: `127.0.0.1:${admin}`, kafka: NOWHERE, issuer: NOWHERE };
}

function addressesOf({ url, admin }: TestInstance): Addresses {
  return { clients: new URL(url).host, admin: new URL(admin).host, kafka: NOWHERE, issuer: NOWHERE };
}

async function issueToken(): Promise<Response> {
  const token = await new SignJWT({ sub: "reader", channels: ["BTC.*"] })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("10m")
    .sign(new TextEncoder().encode(SECRET));
  return new Response(token, { headers: { "Access-Control-Allow-Origin": "*" } });
}
