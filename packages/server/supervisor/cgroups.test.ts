import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { memoryCgroups, readMemory } from "./cgroups.ts";
import { MemoryWatch } from "./memoryWatch.ts";

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

/** A file system of nothing but these files. */
function rootWith(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "shardcast-cgroups-"));
  roots.push(root);
  for (const [path, text] of Object.entries(files)) write(root, path, text);
  return root;
}

function write(root: string, path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
const V1_MOUNTS =
  "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" +
  "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n" +
  "35 31 0:32 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n";

const uses = (root: string) => memoryCgroups(root).map(readMemory);

test("version 2: the group and all above it, without what the kernel can drop", () => {
  const root = rootWith({
    "proc/self/cgroup": "0::/a.slice/b.service\n",
    "proc/self/mountinfo": V2_MOUNT,
    "sys/fs/cgroup/a.slice/b.service/memory.current": "900\n",
    "sys/fs/cgroup/a.slice/b.service/memory.max": "1000\n",
    "sys/fs/cgroup/a.slice/b.service/memory.stat": "anon 500\nfile 400\ninactive_file 300\nactive_file 50\n",
    "sys/fs/cgroup/a.slice/memory.current": "700\n",
    "sys/fs/cgroup/a.slice/memory.max": "max\n",
  });
  expect(uses(root)).toEqual([{ usedBytes: 550, limitBytes: 1000 }, undefined, undefined]);
});

test("version 2 in a container that sees its own group as the root", () => {
  const root = rootWith({
    "proc/self/cgroup": "0::/\n",
    "proc/self/mountinfo": V2_MOUNT,
    "sys/fs/cgroup/memory.current": "10",
    "sys/fs/cgroup/memory.max": "20",
  });
  expect(uses(root)).toEqual([{ usedBytes: 10, limitBytes: 20 }]);
});

test("version 1: its limit, where there is one, and what all below it use", () => {
  const root = rootWith({
    "proc/self/cgroup": "8:cpu:/x\n4:memory:/docker/abc\n0::/\n",
    "proc/self/mountinfo": V1_MOUNTS,
    "sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes": "900",
    "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "1000",
    "sys/fs/cgroup/memory/docker/abc/memory.stat": "inactive_file 1\ntotal_inactive_file 100\n",
    "sys/fs/cgroup/memory/docker/memory.usage_in_bytes": "900",
    "sys/fs/cgroup/memory/docker/memory.limit_in_bytes": "9223372036854771712",
  });
  expect(uses(root)).toEqual([{ usedBytes: 800, limitBytes: 1000 }, undefined, undefined]);
});

test("version 1 in a container to which only its own part is mounted", () => {
  const root = rootWith({
    "proc/self/cgroup": "4:memory:/docker/abc\n",
    "proc/self/mountinfo":
      "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro master:1 - cgroup cgroup rw,memory\n",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": "5",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "10",
  });
  expect(uses(root)).toEqual([{ usedBytes: 5, limitBytes: 10 }]);
});

test("where both versions are mounted, the one that accounts memory counts", () => {
  const root = rootWith({
    "proc/self/cgroup": "4:memory:/a\n0::/a\n",
    "proc/self/mountinfo": `${V1_MOUNTS}41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n`,
    "sys/fs/cgroup/unified/a/cgroup.procs": "1",
    "sys/fs/cgroup/memory/a/memory.usage_in_bytes": "5",
    "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "10",
  });
  expect(uses(root).filter((use) => use !== undefined)).toEqual([{ usedBytes: 5, limitBytes: 10 }]);
});

test("no control groups, and files that hold no numbers, are no limit", () => {
  expect(memoryCgroups(rootWith({}))).toEqual([]);
  const root = rootWith({
    "proc/self/cgroup": "0::/\n",
    "proc/self/mountinfo": `nonsense\n${V2_MOUNT}`,
    "sys/fs/cgroup/memory.current": "",
    "sys/fs/cgroup/memory.max": "100",
  });
  expect(uses(root)).toEqual([undefined]);
});

test.skipIf(!existsSync("/sys/fs/cgroup/memory") && !existsSync("/sys/fs/cgroup/memory.stat"))(
  "this machine's own control groups are found, down to the one of this process",
  () => {
    const groups = memoryCgroups();
    expect(groups.length).toBeGreaterThan(0);
    for (const { directory } of groups) expect(existsSync(directory)).toBe(true);
    for (const use of groups.map(readMemory)) if (use) expect(use.usedBytes).toBeGreaterThan(0);
  },
);

test("new clients are refused from the high mark on, and let in again below the low one", () => {
  const root = rootWith({
    "proc/self/cgroup": "0::/\n",
    "proc/self/mountinfo": V2_MOUNT,
    "sys/fs/cgroup/memory.max": "1000",
  });
  const watch = new MemoryWatch({
    cgroups: memoryCgroups(root),
    bytesMax: 10_000,
    highPercent: 90,
    lowPercent: 80,
  });
  const pressedAt = (cgroupBytes: number, instanceBytes = 0) => {
    write(root, "sys/fs/cgroup/memory.current", `${cgroupBytes}`);
    watch.look(instanceBytes);
    return watch.isPressed;
  };
  expect([800, 899, 900, 850, 801, 799, 899].map((bytes) => pressedAt(bytes))).toEqual([
    ...[false, false, true, true, true, false, false],
  ]);
  expect(watch.check).toMatchObject({ status: "ok" });
  // Whichever limit is nearer counts.
  expect(pressedAt(100, 9500)).toBe(true);
  expect(watch.use).toEqual({ of: "instance", usedBytes: 9500, limitBytes: 10_000 });
  expect(watch.check).toMatchObject({ status: "unhealthy", limit: "90 %" });
  expect(pressedAt(700, 100)).toBe(false);
  expect(watch.use).toEqual({ of: "cgroup", usedBytes: 700, limitBytes: 1000 });
});
