import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kafkaClassPath } from "../../test/services/kafkaDistribution.ts";
import type { Engine } from "./engine.ts";

/**
 * Images built from Debian's packages that stand in for the upstream ones where no image registry can be reached. Each has
 * the upstream's name, and what the compose files use of it. Needs root and `debootstrap`; Kafka comes from Maven Central.
 * There is none of Grafana, which Debian does not have.
 */
export async function buildStandIns(engine: Engine): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "shardcast-stand-ins-"));
  try {
    await buildDebian(engine, folder);
    for (const [image, { packages, lines = [] }] of Object.entries(STAND_INS)) {
      if (engine.hasImage(image)) continue;
      const context = join(folder, "context");
      mkdirSync(context, { recursive: true });
      if (image.includes("kafka")) {
        const libraries = (await kafkaClassPath()).slice(0, -"/*".length);
        await engine.runTool(["cp", "-r", libraries, join(context, "libs")]);
        for (const [name, text] of Object.entries(KAFKA_FILES)) writeFileSync(join(context, name), text);
      }
      const install = `RUN apt-get update && apt-get install -y --no-install-recommends ${packages} && rm -rf /var/lib/apt/lists/*`;
      writeFileSync(join(context, "Dockerfile"), [`FROM ${DEBIAN}`, install, ...lines, ""].join("\n"));
      await engine.build(image, context);
      rmSync(context, { recursive: true, force: true });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function buildDebian(engine: Engine, folder: string): Promise<void> {
  if (engine.hasImage(DEBIAN)) return;
  const root = join(folder, "root");
  await engine.runTool(["debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", root]);
  // Where a proxy looks into TLS, its authority is among those that this machine trusts.
  await engine.runTool(["cp", AUTHORITIES, join(root, AUTHORITIES)]);
  await engine.runTool(["tar", "-C", root, "-cf", join(folder, "root.tar"), "."]);
  await engine.import(join(folder, "root.tar"), DEBIAN);
  rmSync(root, { recursive: true, force: true });
}

const AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt";
const DEBIAN = "docker.io/library/debian:12.12-slim";

/** Of the image that runs `kafka-broker-api-versions.sh` and takes its settings as `KAFKA_…` variables. */
const KAFKA_FILES: Readonly<Record<string, string>> = {
  start: `#!/bin/sh
set -eu
env | grep '^KAFKA_' | grep -vE '^KAFKA_(HEAP_OPTS|VERSION)=' | while IFS='=' read -r name value; do
  echo "$(echo "\${name#KAFKA_}" | tr 'A-Z_' 'a-z.')=$value"
done > /tmp/server.properties
kafka() { java \${KAFKA_HEAP_OPTS:-} -cp '/opt/kafka/libs/*' "$@"; }
kafka kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAA -c /tmp/server.properties --ignore-formatted
exec java \${KAFKA_HEAP_OPTS:-} -cp '/opt/kafka/libs/*' kafka.Kafka /tmp/server.properties
`,
  "kafka-broker-api-versions.sh": `#!/bin/sh
exec java -cp '/opt/kafka/libs/*' org.apache.kafka.tools.BrokerApiVersionsCommand "$@"
`,
};

const STAND_INS: Readonly<Record<string, { readonly packages: string; readonly lines?: readonly string[] }>> =
  {
    "docker.io/library/node:22.21.1-bookworm-slim": {
      packages: "nodejs npm",
      lines: [`ENV NODE_EXTRA_CA_CERTS=${AUTHORITIES}`],
    },
    "docker.io/library/redis:7.4.7-bookworm": { packages: "redis-server redis-tools" },
    "docker.io/library/haproxy:3.2.9": { packages: "haproxy" },
    "docker.io/library/nats:2.12.2-alpine": {
      packages: "nats-server wget",
      lines: ['ENTRYPOINT ["nats-server"]'],
    },
    "docker.io/prom/prometheus:v3.7.3": {
      packages: "prometheus",
      lines: ["WORKDIR /prometheus", 'ENTRYPOINT ["prometheus"]'],
    },
    "docker.io/apache/kafka:4.1.0": {
      packages: "openjdk-17-jre-headless",
      lines: [
        "COPY libs /opt/kafka/libs",
        "COPY kafka-broker-api-versions.sh /opt/kafka/bin/",
        "COPY start /opt/kafka/bin/start",
        "RUN chmod +x /opt/kafka/bin/*",
        'CMD ["/opt/kafka/bin/start"]',
      ],
    },
  };
