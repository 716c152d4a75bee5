import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { complaints, load, loaded, refused } from "./config/loadConfig.fixture.ts";
import { redactConfig } from "./config/redactConfig.ts";

const KAFKA = ["--kafka-brokers", "k1:9092,k2:9092", "--kafka-topics", "trades"];

describe("where values come from", () => {
  test("a flag goes before a variable, a variable before the file, the file before the default", () => {
    const files = { "s.yaml": "port: 1\nadmin-port: 2\nhost: from-file" };
    const env = { SHARDCAST_CONFIG: "s.yaml", SHARDCAST_PORT: "11", SHARDCAST_ADMIN_PORT: "12" };
    const { config, sources } = loaded({ argv: ["--port", "21"], env, files });
    expect([config.gateway.port, config.admin.port, config.gateway.host]).toEqual([21, 12, "from-file"]);
    expect(config.admin.host).toBe("127.0.0.1");
    expect(sources["port"]).toEqual({ kind: "flag", name: "--port" });
    expect(sources["admin-port"]).toEqual({ kind: "env", name: "SHARDCAST_ADMIN_PORT" });
    expect(sources["host"]).toEqual({ kind: "file", name: "host in s.yaml" });
    expect(sources["admin-host"]?.kind).toBe("default");
  });

  test("whatever is given of a port, the first in the order of precedence holds", () => {
    const given = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
    fc.assert(
      fc.property(given, given, given, (flag, variable, file) => {
        const { config } = loaded({
          argv: ["--admin-port=0", "--config=s.json", ...(flag === undefined ? [] : [`--port=${flag}`])],
          env: variable === undefined ? {} : { SHARDCAST_PORT: String(variable) },
          files: { "s.json": JSON.stringify({ port: file }) },
        });
        expect(config.gateway.port).toBe(flag ?? variable ?? file ?? 3000);
      }),
    );
  });

  test("an empty variable counts as not set", () => {
    expect(loaded({ env: { SHARDCAST_PORT: "", SHARDCAST_BUS_FILE: "" } }).config.gateway.port).toBe(3000);
  });

  test("YAML and JSON files say the same", () => {
    const yaml =
      "kafka-brokers: [k1:9092]\nkafka-topics: a,b\ndemo: true\nhistory-bytes: 1MiB\ntopic-templates: {a: 'x.{key}'}\n";
    const json = JSON.stringify({
      "kafka-brokers": ["k1:9092"],
      "kafka-topics": ["a", "b"],
      demo: true,
      "history-bytes": 1048576,
      "topic-templates": { a: "x.{key}" },
    });
    const argv = ["--config", "s"];
    expect(loaded({ argv, files: { s: yaml } }).config).toEqual(loaded({ argv, files: { s: json } }).config);
  });

  test("lists and maps are read from repeated flags and from one variable alike", () => {
    const argv = [
      "--kafka-topics",
      "a,b",
      "--kafka-topics",
      "c",
      "--topic-templates",
      "a=1.{key}",
      "--topic-templates=b={key}.x=y",
    ];
    const env = { SHARDCAST_KAFKA_TOPICS: "a, b, c,", SHARDCAST_TOPIC_TEMPLATES: "a=1.{key},b={key}.x=y" };
    const brokers = ["--kafka-brokers=k:9092"];
    const { config } = loaded({ argv: [...brokers, ...argv] });
    expect(config.kafka?.topics).toEqual(["a", "b", "c"]);
    expect(config.routing.topicTemplates).toEqual({ a: "1.{key}", b: "{key}.x=y" });
    expect(loaded({ argv: brokers, env }).config).toEqual(config);
  });

  test("a switch can be given, denied and spelled out", () => {
    const demo = (...argv: string[]) => loaded({ argv }).config.demo.enabled;
    expect([demo(), demo("--demo"), demo("--no-demo"), demo("--demo=off"), demo("--demo=1")]).toEqual([
      false,
      true,
      false,
      false,
      true,
    ]);
  });
});

describe("what is derived", () => {
  test("auto is one shard per core but one, and at least one", () => {
    const shards = (cores: number) => loaded({ machine: { cores } }).config.instance.shards;
    expect([shards(1), shards(2), shards(8), shards(1000)]).toEqual([1, 1, 7, 256]);
  });

  test("as many clients as the shards may open files for, but not without end, and a number is taken as it is", () => {
    const clients = (openFilesMax: number, ...argv: string[]) =>
      loaded({ argv: ["--shards=2", ...argv], machine: { openFilesMax } }).config.gateway.connectionsMax;
    expect([clients(1256), clients(Number.POSITIVE_INFINITY), clients(10)]).toEqual([2000, 50_000, 2]);
    expect(clients(1256, "--max-connections=70000")).toBe(70_000);
  });

  test("the instance is named after host and port, or the process where the port is not known yet", () => {
    const id = (hostname: string, port: number) =>
      loaded({ argv: ["--port", String(port)], machine: { hostname } }).config.instance.id;
    expect(id("web1.example.com", 3000)).toBe("web1-3000");
    expect(id("web1", 0)).toBe("web1-p77");
    expect(id("", 3000)).toBe("instance-3000");
    expect(id("x".repeat(200), 3000)).toHaveLength(63);
  });

  test("the group contains prefix and region, so that clusters do not share one by accident", () => {
    const group = (...argv: string[]) => loaded({ argv: [...KAFKA, ...argv] }).config.kafka?.groupId;
    expect(group()).toBe("shardcast.default");
    expect(group("--bus=nats://n", "--bus-scope=global", "--region=eu")).toBe("shardcast.global");
    expect(group("--bus-prefix", "prod", "--region", "eu")).toBe("prod.eu");
    expect(group("--kafka-group", "mine")).toBe("mine");
  });

  test("the publish topic is read too", () => {
    const { kafka } = loaded({ argv: [...KAFKA, "--publish-topic", "in"] }).config;
    expect(kafka).toMatchObject({ topics: ["trades", "in"], publishTopic: "in", from: "latest" });
  });

  test("without brokers there is no Kafka", () => {
    expect(loaded().config.kafka).toBeUndefined();
  });
});

describe("secrets", () => {
  const SASL = [...KAFKA, "--kafka-sasl-mechanism", "PLAIN", "--kafka-sasl-username", "me"];

  test("a password can come from a file, without the newline at its end", () => {
    const files = { "/run/p": "geheim\n" };
    const byVariable = loaded({ argv: SASL, env: { SHARDCAST_KAFKA_SASL_PASSWORD_FILE: "/run/p" }, files });
    const byFlag = loaded({ argv: [...SASL, "--kafka-sasl-password-file", "/run/p"], files });
    expect(byVariable.config.kafka?.connection.sasl?.password).toBe("geheim");
    expect(byFlag.config).toEqual(byVariable.config);
  });

  test("a path in the config file is relative to that file", () => {
    const files = { "/etc/s.yaml": "kafka-sasl-password-file: p", "/etc/p": "geheim" };
    const { config } = loaded({ argv: [...SASL, "--config", "/etc/s.yaml"], files });
    expect(config.kafka?.connection.sasl?.password).toBe("geheim");
  });

  test.each<[string, string[], Record<string, string>, string]>([
    ["flag", ["--kafka-sasl-password=f"], { SHARDCAST_KAFKA_SASL_PASSWORD_FILE: "/none" }, "f"],
    ["flag's file", ["--kafka-sasl-password-file=/p"], { SHARDCAST_KAFKA_SASL_PASSWORD: "v" }, "from /p"],
    ["variable", [], { SHARDCAST_KAFKA_SASL_PASSWORD: "v" }, "v"],
    ["variable's file", [], { SHARDCAST_KAFKA_SASL_PASSWORD_FILE: "/p" }, "from /p"],
    ["config file's file", [], {}, "from /q"],
  ])("a password by the %s goes before what ranks below it", (_, flags, env, expected) => {
    const files = { "/s.yaml": "kafka-sasl-password-file: /q", "/p": "from /p", "/q": "from /q" };
    const { config } = loaded({ argv: [...SASL, "--config=/s.yaml", ...flags], env, files });
    expect(config.kafka?.connection.sasl?.password).toBe(expected);
  });

  test("a password and its file at once are refused", () => {
    const env = { SHARDCAST_KAFKA_SASL_PASSWORD: "geheim", SHARDCAST_KAFKA_SASL_PASSWORD_FILE: "/p" };
    expect(complaints({ argv: SASL, env, files: { "/p": "x" } })).toEqual([
      "SHARDCAST_KAFKA_SASL_PASSWORD_FILE: says the same as SHARDCAST_KAFKA_SASL_PASSWORD",
    ]);
  });

  test("neither the redacted configuration nor the list of settings holds one", () => {
    const argv = [
      ...SASL,
      "--kafka-sasl-password=geheim",
      "--kafka-tls",
      "--kafka-tls-key=k",
      "--kafka-tls-cert=c",
      "--bus=rediss://h",
      "--bus-password=geheim",
    ];
    const { config, effective } = loaded({ argv, files: { k: "geheimer Schlüssel", c: "certificate" } });
    expect(config.kafka?.connection.tls).toEqual({
      cert: "certificate",
      key: "geheimer Schlüssel",
      rejectUnauthorized: true,
    });
    expect(JSON.stringify([redactConfig(config), effective])).not.toContain("geheim");
    expect(effective.find(({ name }) => name === "kafka-tls-key")?.value).toBe("k");
    expect(config.bus.password).toBe("geheim");
    const inUrl = loaded({ argv: [...KAFKA, "--bus", "redis+sentinel://me:geheim@a,b:1/main"] });
    expect(JSON.stringify([redactConfig(inUrl.config), inUrl.effective])).not.toContain("geheim");
    const nats = [...KAFKA, "--bus=nats://me:geheim@a,nats://me:geheim@b", "--bus-nats-creds=c"];
    expect(refused({ argv: nats, files: { c: "geheim" } })).toHaveLength(1);
    for (const login of ["--bus-token=geheim", "--bus-nats-creds=c"]) {
      const argv = [...KAFKA, "--bus=tls://a,b", login];
      const { config: own, effective: ownEffective } = loaded({ argv, files: { c: "geheim" } });
      expect(JSON.stringify(own.bus)).toContain("geheim");
      expect(JSON.stringify([redactConfig(own), ownEffective])).not.toContain("geheim");
    }
  });

  test("no complaint repeats one, however wrong it is", () => {
    const argv = [...KAFKA, "--kafka-sasl-password", "geheim\nx", "--bus", "redis://me:geheim@p@host:1"];
    const problems = refused({ argv, files: {} });
    expect(problems.length).toBeGreaterThanOrEqual(2);
    expect(JSON.stringify(problems)).not.toContain("geheim");
  });
});

test("the configuration is plain JSON, so that it reaches the shards as it is", () => {
  const { config } = loaded({ argv: [...KAFKA, "--kafka-tls"] });
  expect(JSON.parse(JSON.stringify(config))).toEqual(config);
});

test("whatever the arguments are, loading answers with a configuration or with problems", () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom("--port", "--demo", "--shards=", "--", "-", "--topic-templates", "--__proto__", "a=b"),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), fc.string(), (argv, content) => {
      const result = load({ argv: [...argv, "--config=s"], files: { s: content } });
      expect(result.ok || result.problems.length > 0).toBe(true);
    }),
    { numRuns: 500 },
  );
});
