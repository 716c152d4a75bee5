import { expect, test } from "bun:test";
import { loadOptions } from "./options.ts";

function load(argv: readonly string[], env: Readonly<Record<string, string>> = {}, file = "") {
  return loadOptions({ argv, env, readFile: () => file || "PEM" });
}

function complaints(...argv: string[]): string[] {
  const loaded = load(["--kafka-brokers=k:1", "--topic=t", ...argv]);
  return loaded.ok ? [] : loaded.problems.map(({ origin, message }) => `${origin.name}: ${message}`);
}

test("brokers and credentials also come from the server's variables and file, whose other settings do no harm", () => {
  const file = "kafka-brokers: [k:1]\nkafka-topics: [a]\nport: 5\n";
  const loaded = load(["--topic=t", "--file=f.csv", "--config=s.yaml"], { SHARDCAST_SHARDS: "3" }, file);
  expect(loaded.ok && loaded.options).toMatchObject({
    connection: { brokers: ["k:1"] },
    format: "csv",
    topic: "t",
  });
});

test("a typing slip in a variable of the server is still told", () => {
  const loaded = load(["--topic=t", "--file=f.csv", "--kafka-brokers=k:1"], { SHARDCAST_SHRADS: "3" });
  expect(!loaded.ok && loaded.problems).toMatchObject([{ advice: "Did you mean SHARDCAST_SHARDS?" }]);
});

test.each<[string[], string[]]>([
  [[], ["--file: is needed"]],
  [["--file=x.bin"], ["--file: its name does not tell the format of x.bin"]],
  [["--file=-"], ["--file: its name does not tell the format of standard input"]],
  [["--file=f.csv", "--rate=1", "--speed=2", "--timestamp-field=t"], ["--speed: contradicts --rate"]],
  [["--file=f.csv", "--speed=2"], ["--speed: needs the records' time"]],
  [["--file=f.csv", "--timestamps=recorded"], ["--timestamps: needs the records' time"]],
  [["--file=f.csv", "--partitions=2"], ["--partitions: has no effect on a topic that is there"]],
  [["--file=-", "--format=csv", "--loop"], ["--loop: standard input cannot be read again"]],
  [["--file=f.csv", "--records-field=a"], ["--records-field: has no effect on csv"]],
  [["--file=f.json", "--number-fields=a"], ["--number-fields: has no effect on json"]],
  [["--file=f.csv", "--kafka-tls-ca=x"], ["--kafka-tls-ca: has no effect without TLS"]],
  [["f.csv", "--file=f.csv"], ["f.csv: belongs to no flag"]],
  [
    ["--file=f.csv", "--rate=0", "--limit=x"],
    [
      "--rate: expected a number from 0.001 to 10000000, got 0",
      '--limit: expected a whole number from 1 to 1000000000000, got "x"',
    ],
  ],
])("%j is refused", (argv, expected) => {
  expect(complaints(...argv)).toEqual(expected);
});
