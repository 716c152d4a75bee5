import { expect, test } from "bun:test";
import { complaints, loaded, refused } from "./loadConfig.fixture.ts";
import { formatProblems } from "./problem.ts";

const BROKERS = ["--kafka-brokers", "k:9092"];
const KAFKA = [...BROKERS, "--kafka-topics", "trades"];

test("everything that is wrong is said at once, each with where it came from and what to do", () => {
  const problems = refused({
    argv: ["--prot", "3000", "--bus", "kafka://h", "--config", "s.yaml", "extra"],
    env: { SHARDCAST_SHARDS: "many", SHARDCAST_REGOIN: "eu" },
    files: { "s.yaml": "adminPort: 3\nport: 70000\nkafka: {brokers: x}\nhost:\n" },
  });
  expect(problems.map(({ origin, advice }) => [origin.kind, origin.name, advice])).toEqual([
    ["flag", "--prot", "Did you mean --port?"],
    ["env", "SHARDCAST_REGOIN", "Did you mean SHARDCAST_REGION?"],
    ["file", "adminPort in s.yaml", "Did you mean admin-port?"],
    ["file", "kafka in s.yaml", "Keys are not nested: write kafka-brokers and the like."],
    ["file", "host in s.yaml", "Give it one, or remove the line."],
    ["env", "SHARDCAST_SHARDS", "Correct it, or leave it out for the default: auto"],
    ["file", "port in s.yaml", "Correct it, or leave it out for the default: 3000"],
    ["flag", "--bus", "Correct it, or leave it out for the default: local:"],
    ["flag", "extra", "Remove it, or write the flag that it belongs to in front."],
  ]);
  const text = formatProblems(problems);
  expect(text).toStartWith("9 problems with the settings:\n");
  expect(text).toContain("supported: local:");
});

test.each([
  ["--port", "expected a whole number from 0 to 65535", ["abc", "-1", "65536", "1.5", "1e3", "", " 1"]],
  ["--shards", "expected auto, or a whole number from 1 to 256", ["0", "257", "AUTO"]],
  ["--role", "expected one of all, ingest, gateway", ["both", "All"]],
  ["--demo", "expected true or false", ["maybe", ""]],
  ["--history-bytes", "expected bytes from 0 to 64GiB", ["1TB", "65GiB", "-1", "1.5MiB"]],
  ["--kafka-brokers", "expected host:port, separated by commas", ["host", ":9092", "a:1,,b:1", "http://a:1"]],
  ["--kafka-topics", "expected topic names", ["", "..", "a b", "x".repeat(250)]],
  ["--allowed-origins", "expected `*`, or origins", ["example.com", "https://a.b/path", "https://*"]],
  ["--channel-template", "will not do", ["", "{key", "key}", "a b", "{}", "a/{key}"]],
  ["--topic-templates", "", ["novalue", "=x", "t={key"]],
  [
    "--bus",
    "will not do",
    ["", "redis", "redis:", "redis://h/1", "redis+sentinel://h", "kafka://h", "local:x", "constructor:"],
  ],
  ["--instance", "expected up to 63", ["", "a b", "-a", "x".repeat(64)]],
] as const)("%s refuses what it cannot mean", (flag, expectation, values) => {
  for (const value of values) {
    const found = complaints({ argv: [`${flag}=${value}`, "--kafka-from=latest"] });
    expect(found[0]).toStartWith(`${flag}: `);
    expect(found[0]).toContain(expectation);
  }
});

test("a bad value is refused also where a better one covers it", () => {
  expect(complaints({ argv: ["--port=1"], env: { SHARDCAST_PORT: "x" } })).toHaveLength(1);
});

test("a flag without its value does not swallow the next flag", () => {
  expect(complaints({ argv: ["--host", "--demo"] })).toEqual(["--host: needs a value"]);
  expect(complaints({ argv: ["--host"] })).toEqual(["--host: needs a value"]);
});

test("a flag that takes one value is refused when given twice", () => {
  expect(complaints({ argv: ["--port=1", "--port=2"] })).toEqual(["--port: is given 2 times"]);
});

test("a number where a text belongs is refused in the file, and a text where a number belongs", () => {
  const files = { s: "instance: 12\nport: '80'\n" };
  expect(complaints({ argv: ["--config=s"], files })).toEqual([
    "instance in s: expected up to 63 letters, digits, dashes and underscores, got 12",
    'port in s: expected a whole number from 0 to 65535, got "80"',
  ]);
});

test.each([
  ["a: [", "is neither YAML nor JSON"],
  ["- a", "is not a map of settings"],
  ["port: 1\nport: 2", "is neither YAML nor JSON: Map keys must be unique"],
])(
  "a file that holds %j is refused, and nothing is concluded from what it may have meant",
  (content, message) => {
    const found = complaints({ argv: ["--config=s", "--kafka-topics=a"], files: { s: content } });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  },
);

test("a config file that is not there is refused", () => {
  expect(complaints({ argv: ["--config=nope"] })).toEqual(["--config: nope cannot be read (ENOENT)"]);
});

test.each<[string, string[], string[]]>([
  ["topics without brokers", ["--kafka-topics=a"], ["--kafka-topics: has no effect without brokers"]],
  [
    "limits of addresses that are hidden",
    ["--hidden-addresses", "--trusted-proxies=10.0.0.1", "--max-accepts-per-second-per-address=5"],
    [
      "--trusted-proxies: has no effect where clients' addresses are hidden",
      "--max-accepts-per-second-per-address: has no effect where clients' addresses are hidden",
    ],
  ],
  [
    "clients sent away faster than another instance lets them in",
    [
      ...["--max-accepts-per-second=100", "--drain-clients-per-second=101"],
      ...["--rebalance-clients-per-second=200"],
    ],
    [
      "--drain-clients-per-second: 101 clients would be sent away in a second, and another instance lets in 100",
      "--rebalance-clients-per-second: 200 clients would be sent away in a second, and another instance lets in 100",
    ],
  ],
  [
    "evening out with nobody",
    ["--rebalance"],
    ["--rebalance: with the local bus there is no other instance to compare with"],
  ],
  [
    "a low mark above the high one",
    ["--memory-low-percent=95"],
    ["--memory-low-percent: clients would be let in again at 95 %, and refused from 90 % on"],
  ],
  ["brokers without topics", BROKERS, ["--kafka-brokers: there is no topic to read"]],
  [
    "a password alone",
    [...KAFKA, "--kafka-sasl-password=x"],
    ["--kafka-sasl-password: mechanism, username and password belong together"],
  ],
  ["TLS files without TLS", [...KAFKA, "--kafka-tls-ca=pem"], ["--kafka-tls-ca: has no effect without TLS"]],
  [
    "a certificate without its key",
    [...KAFKA, "--kafka-tls", "--kafka-tls-cert=pem"],
    ["--kafka-tls-cert: needs its key"],
  ],
  [
    "a key without its certificate",
    [...KAFKA, "--kafka-tls", "--kafka-tls-key=pem"],
    ["--kafka-tls-key: needs its certificate"],
  ],
  [
    "one port for two",
    ["--admin-port=3000"],
    ["--admin-port: 3000 would be both the public and the admin port"],
  ],
  [
    "ingest with neither Kafka nor a shared bus",
    ["--role=ingest"],
    [
      "--role: an ingest instance serves no clients, and the local bus reaches no other instance",
      "--role: ingest has nothing to read without Kafka",
    ],
  ],
  [
    "a bus of all regions that reaches none",
    ["--bus-scope=global"],
    ["--bus-scope: the local bus reaches no other region"],
  ],
  [
    "a gateway alone on its bus",
    ["--role=gateway", ...KAFKA],
    ["--role: a gateway does not consume, and the local bus brings nothing from other instances"],
  ],
  [
    "a login for the local bus",
    ["--bus-ca=pem", "--bus-username=u", "--bus-password=geheim"],
    ["--bus-ca", "--bus-username", "--bus-password"].map(
      (flag) => `${flag}: has no effect with the local bus`,
    ),
  ],
  [
    "an authority for a bus without TLS",
    [...KAFKA, "--bus=redis+sentinel://h/m", "--bus-ca=pem"],
    ["--bus-ca: has no effect without TLS"],
  ],
  [
    "two logins for the bus",
    [...KAFKA, "--bus=redis://:geheim@h", "--bus-password=geheim"],
    ["--bus-password: the URL of the bus holds a login already"],
  ],
  [
    "any name for a bus whose authority signs for others too",
    [...KAFKA, "--bus=rediss://h", "--bus-tls-any-name"],
    ["--bus-tls-any-name: needs --bus-ca"],
  ],
  [
    "any name for a bus that is no Redis with TLS",
    [...KAFKA, "--bus=nats://h", "--bus-tls-any-name"],
    ["--bus-tls-any-name: is known to rediss:// only"],
  ],
  [
    "a username for the bus without its password",
    [...KAFKA, "--bus=rediss://h", "--bus-ca=pem", "--bus-username=u"],
    ["--bus-username: needs its password"],
  ],
  [
    "a token for a bus that knows none",
    [...KAFKA, "--bus=redis://h", "--bus-token=geheim", "--bus-nats-creds=pem"],
    ["--bus-token: is known to NATS only", "--bus-nats-creds: is known to NATS only"],
  ],
  [
    "two logins for NATS",
    [...KAFKA, "--bus=nats://a,b", "--bus-token=geheim", "--bus-nats-creds=pem"],
    ["--bus-nats-creds: is a second login for the bus"],
  ],
  [
    "a login for NATS beside that of the URL",
    [...KAFKA, "--bus=tls://u:geheim@h", "--bus-token=geheim"],
    ["--bus-token: is a second login for the bus"],
  ],
  [
    "a gateway with the demo",
    ["--role=gateway", "--demo"],
    ["--demo: the role gateway has no sources, and the demo feed is one"],
  ],
  ["a rate without the demo", ["--demo-rate=3"], ["--demo-rate: has no effect without the demo feed"]],
  [
    "dead letters that are read",
    [...KAFKA, "--kafka-dead-letter-topic=trades"],
    ["--kafka-dead-letter-topic: trades is also read, so that dead letters would go round in circles"],
  ],
  [
    "a template of a topic that is not read",
    [...KAFKA, "--topic-templates=trade={key}"],
    ["--topic-templates: trade is not among the topics that are read"],
  ],
  [
    "an idle timeout before the ping",
    ["--idle-timeout-ms=5000"],
    ["--idle-timeout-ms: a quiet connection would be closed after 5000 ms, before its ping after 25000 ms"],
  ],
])("%s: refused", (_, argv, expected) => {
  expect(complaints({ argv, files: { pem: "PEM" } })).toEqual(expected);
});

test("a refused value is not also said to be missing", () => {
  expect(complaints({ argv: ["--kafka-brokers=x", "--kafka-topics=a"] })).toHaveLength(1);
  expect(complaints({ argv: ["--port=x", "--admin-port=3000"] })).toHaveLength(1);
  expect(complaints({ argv: ["--demo-rate=x"] })).toHaveLength(1);
  expect(complaints({ argv: ["--kafka-tls=x", "--kafka-tls-insecure", ...KAFKA] })).toHaveLength(1);
});

test("what this project's own tests and launcher set is no setting", () => {
  const env = {
    SHARDCAST_TEST_KAFKA: "x",
    SHARDCAST_REQUIRE_SERVICES: "1",
    SHARDCAST_LAUNCHED_BY: "run.mjs",
    PATH: "/",
  };
  expect(loaded({ env }).ok).toBe(true);
});
