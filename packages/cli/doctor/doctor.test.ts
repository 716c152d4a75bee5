import { describe, expect, test } from "bun:test";
import { shardcast } from "../cli.fixture.ts";
import { hostFiles, limits } from "./doctor.fixture.ts";
import { type Examination, examine } from "./examine.ts";
import type { Wanted } from "./finding.ts";

const WANTED: Wanted = { connections: 12_000, shards: 3, port: 3000, adminPort: 3001 };
const LISTENING = (port: number) =>
  `  sl  local_address rem_address   st\n   0: 00000000:${port.toString(16).toUpperCase().padStart(4, "0")} 00000000:0000 0A 00000000\n`;

function examined(
  files: Readonly<Record<string, string | undefined>>,
  wanted: Partial<Wanted> = {},
): Examination {
  using found = hostFiles(files);
  return examine(found.host, { ...WANTED, ...wanted });
}

const findingOf = ({ findings }: Examination, name: string) => findings.find((one) => one.name === name);
const faults = ({ findings }: Examination) =>
  findings.filter(({ status }) => status !== "ok").map(({ name }) => name);

describe("an examination", () => {
  test("finds nothing to set on a host that is in order, and says what limits it all the same", () => {
    const found = examined({});
    expect(faults(found)).toEqual([]);
    expect(found).toMatchObject({ fits: true, limit: { name: "own cap", clientsMax: 50_000 } });
  });

  test.each(["deploy/host/90-shardcast.conf", "deploy/gcp/machine/files/60-shardcast.conf"])(
    "finds nothing to set where %s holds",
    async (path) => {
      const shipped = await Bun.file(new URL(`../../../${path}`, import.meta.url)).text();
      const lines = [...shipped.matchAll(/^-?([a-z_.0-9-]+) = (.+)$/gm)];
      const files = lines.map(
        ([, key = "", value = ""]) => [`/proc/sys/${key.replaceAll(".", "/")}`, value] as const,
      );
      expect(files.length).toBeGreaterThan(6);
      expect(faults(examined(Object.fromEntries(files), { connections: 50_000 }))).toEqual([]);
    },
  );

  test("counts the clients that the shards' files hold, and names the number to set", () => {
    const found = examined({ "/proc/self/limits": limits(1024, 4096) });
    const { clientsMax, set, status } = findingOf(found, "files") ?? {};
    expect({ clientsMax, set, status }).toEqual({
      clientsMax: 2304,
      set: expect.stringContaining("LimitNOFILE=4256"),
      status: "bad",
    });
    expect(found).toMatchObject({ fits: false, limit: { name: "files", clientsMax: 2304 } });
    const raised = examined({ "/proc/self/limits": limits(1024, 8192) });
    expect(findingOf(raised, "files")?.set).toBe("ulimit -n 4256");
    expect(
      findingOf(examined({ "/proc/self/limits": limits("unlimited", "unlimited") }), "files"),
    ).toMatchObject({ status: "ok" });
  });

  test("goes by the tightest control group above the process, of either version", () => {
    const small = examined({
      "/sys/fs/cgroup/system.slice/memory.max": `${512 * 2 ** 20}`,
      "/sys/fs/cgroup/system.slice/shardcast.service/memory.max": "max",
    });
    expect(small.limit?.name).toBe("memory");
    expect(findingOf(small, "memory")?.found).toContain("512 MiB of the control group");
    const first = examined({
      "/proc/self/cgroup": "4:memory:/docker/one\n1:cpu,cpuacct:/docker/one\n",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
      "/sys/fs/cgroup/memory/docker/one/memory.limit_in_bytes": `${512 * 2 ** 20}`,
      "/sys/fs/cgroup/cpu/docker/one/cpu.cfs_quota_us": "150000",
      "/sys/fs/cgroup/cpu/docker/one/cpu.cfs_period_us": "100000",
    });
    expect(first.limit?.name).toBe("memory");
    expect(findingOf(first, "CPU")?.set).toStartWith("shardcast serve --shards 1,");
  });

  test.each([
    ["files of all", "bad", { "/proc/sys/fs/file-max": "10000" }],
    ["tcp_mem", "bad", { "/proc/sys/net/ipv4/tcp_mem": "1000 2000 3000" }],
    ["conntrack", "bad", { "/proc/sys/net/netfilter/nf_conntrack_max": "8192" }],
    ["backlog", "warn", { "/proc/sys/net/core/somaxconn": "128" }],
    ["buffers", "warn", { "/proc/sys/net/ipv4/tcp_wmem": "4096 16384 4194304" }],
    ["ports", "warn", { "/proc/sys/net/ipv4/ip_local_port_range": "1024 65000" }],
    ["listeners", "warn", { "/proc/net/tcp6": LISTENING(3001) }],
    ["tcp_migrate_req", "warn", { "/proc/sys/net/ipv4/tcp_migrate_req": "0" }],
    ["CPU", "warn", { "/sys/fs/cgroup/cpu.max": "200000 100000" }],
    ["kernel", "warn", { "/proc/sys/kernel/osrelease": "5.10.0-30-amd64" }],
    ["clock", "warn", { "/sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet" }],
  ] as const)("%s is %s where it should be, with why and what to set", (name, status, files) => {
    const found = examined(files);
    expect(faults(found)).toEqual([name]);
    const finding = findingOf(found, name);
    expect(finding?.status).toBe(status);
    expect(finding?.why).toBeString();
    expect(finding?.set).toBeString();
    expect(found.fits).toBe(status === "warn");
  });

  test("own ports within the range of outgoing ones are fine once they are reserved", () => {
    const range = { "/proc/sys/net/ipv4/ip_local_port_range": "1024 65000" };
    const reserved = "/proc/sys/net/ipv4/ip_local_reserved_ports";
    expect(findingOf(examined({ ...range, [reserved]: "3000-3001" }), "ports")?.status).toBe("ok");
    expect(findingOf(examined({ ...range, [reserved]: "2000,3000" }), "ports")?.set).toContain(
      "=2000,3000,3001",
    );
  });

  test("another runtime and a clock that nobody steers are warned of", () => {
    using files = hostFiles();
    const host = { ...files.host, bunVersion: "1.0.0", isClockSynchronized: () => false };
    expect(faults(examine(host, WANTED))).toEqual(["clock", "runtime"]);
  });

  test("what a host does not tell is unknown, and not in order", () => {
    using nothing = hostFiles({ "/proc/self/limits": undefined, "/proc/meminfo": undefined });
    const found = examine(nothing.host, WANTED);
    expect(faults(found)).toEqual(["files", "memory"]);
    expect(found.findings.filter(({ status }) => status === "unknown")).toHaveLength(2);
  });
});

describe("shardcast doctor", () => {
  test("examines this machine, and says so for people and for programs", async () => {
    const [people, programs] = await Promise.all([shardcast(["doctor"]), shardcast(["doctor", "--json"])]);
    const { findings, fits } = JSON.parse(programs.stdout) as Examination;
    expect(programs.exitCode).toBe(fits ? 0 : 1);
    expect(people.exitCode).toBe(programs.exitCode);
    for (const { name, found } of findings) {
      expect(people.stdout).toContain(name);
      expect(found).not.toMatch(/undefined|NaN/);
    }
    expect(people.stdout).toContain("The most that this host lets one instance hold");
  });

  test("sees the limit that it was started with, and ends with 1 where that is too low", async () => {
    const program = [
      "sh",
      "-c",
      'ulimit -n 1000; exec "$0" "$@"',
      process.execPath,
      new URL("../main.ts", import.meta.url).pathname,
    ];
    const { exitCode, stdout } = await shardcast(["doctor", "--shards", "2", "--json"], { program });
    const { limit } = JSON.parse(stdout) as Examination;
    expect(exitCode).toBe(1);
    expect(limit).toEqual({ name: "files", clientsMax: 2 * (1000 - 256) });
  });

  test("reads another host's files", async () => {
    using other = hostFiles({ "/proc/self/limits": limits(512, 512) });
    const { exitCode, stdout } = await shardcast(["doctor", "--root", other.root]);
    expect(exitCode).toBe(1);
    expect(stdout).toContain(
      "12,000 clients do NOT fit. The most that this host lets one instance hold: 768, by files.",
    );
  });
});
