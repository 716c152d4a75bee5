import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificates } from "../../test/services/certificates.ts";
import { OPEN_ACCESS } from "./access.fixture.ts";
import { type Address, adminPortsOf } from "./adminPorts.ts";
import { readScenario } from "./scenario.ts";
import { ServerWatch } from "./serverWatch.ts";

const ends: Array<() => unknown> = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** An instance with so many clients, at an address of its own. */
function instanceAt(hostname: string, port: number, connections: number, tls?: Bun.TLSOptions) {
  const hosts: Array<string | null> = [];
  const server = Bun.serve({
    ...{ hostname, port },
    ...(tls !== undefined && { tls }),
    fetch: ({ headers }) => {
      hosts.push(headers.get("host"));
      return new Response(`process_cpu_seconds_total 1\nshardcast_connections ${connections}\n`);
    },
  });
  ends.push(() => server.stop(true));
  return { port: server.port ?? 0, hosts };
}

const addresses = (...all: readonly string[]): Address[] =>
  all.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));

describe("an admin address whose name stands for several instances", () => {
  test("each of them is looked at, also one that comes later", async () => {
    const { port } = instanceAt("127.0.0.2", 0, 3);
    instanceAt("127.0.0.3", port, 4);
    let known = addresses("127.0.0.3", "127.0.0.2");
    const scenario = readScenario("", { admins: [`http://shardcast:${port}`] });
    const watch = new ServerWatch(scenario, OPEN_ACCESS, undefined, async () => known);
    const connections = async () =>
      Object.entries((await watch.look()).instances).map(([admin, each]) => [admin, each.connections]);
    expect(await connections()).toEqual([
      [`http://127.0.0.2:${port}`, 3],
      [`http://127.0.0.3:${port}`, 4],
    ]);
    instanceAt("127.0.0.4", port, 5);
    known = addresses("127.0.0.2", "127.0.0.3", "127.0.0.4");
    expect((await connections()).map(([, count]) => count)).toEqual([3, 4, 5]);
    expect(watch.failures).toEqual({});
  });

  test("one of them that does not answer is a page that could not be read", async () => {
    const { port } = instanceAt("127.0.0.2", 0, 3);
    const scenario = readScenario("", { admins: [`http://shardcast:${port}`] });
    const watch = new ServerWatch(scenario, OPEN_ACCESS, undefined, async () =>
      addresses("127.0.0.2", "127.0.0.3"),
    );
    expect(Object.keys((await watch.look()).instances)).toEqual([`http://127.0.0.2:${port}`]);
    expect(Object.keys(watch.failures)).toEqual([`http://127.0.0.3:${port}`]);
  });

  test("their certificate is held against the name", async () => {
    const directory = mkdtempSync(join(tmpdir(), "loadtest-watch-"));
    ends.push(() => rmSync(directory, { recursive: true }));
    const { ca, server } = makeCertificates(directory);
    const first = instanceAt("127.0.0.2", 0, 3, server);
    const second = instanceAt("127.0.0.3", first.port, 4, server);
    const scenario = readScenario("", { admins: [`https://localhost:${first.port}`] });
    const access = { ...OPEN_ACCESS, tls: { ca, isInsecure: false } };
    const watch = new ServerWatch(scenario, access, undefined, async () =>
      addresses("127.0.0.2", "127.0.0.3"),
    );
    expect(Object.keys((await watch.look()).instances).length).toBe(2);
    expect([...first.hosts, ...second.hosts]).toEqual(Array(2).fill(`localhost:${first.port}`));
  });

  test("a name that nobody knows is told", async () => {
    const scenario = readScenario("", { admins: ["http://nobody:3001"] });
    const watch = new ServerWatch(scenario, OPEN_ACCESS, undefined, () =>
      Promise.reject(new Error("getaddrinfo ENOTFOUND nobody")),
    );
    expect((await watch.look()).instances).toEqual({});
    expect(watch.failures).toEqual({ "http://nobody:3001": "getaddrinfo ENOTFOUND nobody" });
  });
});

test.each<[string, Address[], string[]]>([
  ["http://127.0.0.1:3001", addresses("192.0.2.1", "192.0.2.2"), ["http://127.0.0.1:3001"]],
  ["http://[::1]:3001", addresses("192.0.2.1", "192.0.2.2"), ["http://[::1]:3001"]],
  ["http://localhost:3001", addresses("127.0.0.1", "::1"), ["http://localhost:3001"]],
  ["http://a:3001", addresses("::1", "127.0.0.1"), ["http://a:3001"]],
  [
    "http://u:p@a:3001",
    addresses("2001:db8::2", "2001:db8::1", "192.0.2.1"),
    ["http://u:p@[2001:db8::1]:3001", "http://u:p@[2001:db8::2]:3001"],
  ],
])("behind %s there are as many instances as addresses of one family", async (admin, known, urls) => {
  expect((await adminPortsOf(admin, async () => known)).map(({ url }) => url)).toEqual(urls);
});
