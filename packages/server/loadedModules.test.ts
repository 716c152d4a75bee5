import { expect, test } from "bun:test";

/** Packages and files of ours that a process has loaded which imports these. */
function loadedBy(...files: readonly string[]): readonly string[] {
  const imports = files.map((file) => `await import(${JSON.stringify(`${import.meta.dir}/${file}`)});`);
  const program = `${imports.join("")} process.stdout.write(JSON.stringify(Object.keys(require.cache)));`;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", program]);
  expect(stderr.toString()).toBe("");
  return JSON.parse(stdout.toString()) as string[];
}

const LIBRARIES = /node_modules\/(?:@platformatic\/kafka|@redis\/client|@nats-io\/nats-core)\//;

// A library of one of them takes 4 to 15 MB in every process of an instance.
test.each([["supervisor.ts"], ["shard.ts"]])(
  "%s loads no library of a server that nobody may have configured",
  (file) => {
    const loaded = loadedBy(file);
    expect(loaded.length).toBeGreaterThan(50);
    expect(loaded.filter((path) => LIBRARIES.test(path))).toEqual([]);
  },
);

test("what is loaded is seen", () => {
  const libraries = loadedBy("log/kafka.ts", "bus/redis.ts", "bus/nats.ts").flatMap(
    (path) => LIBRARIES.exec(path)?.[0] ?? [],
  );
  expect(new Set(libraries).size).toBe(3);
});
