import { spawn } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The broker that the tests run against. Needs Java 17. */
export const KAFKA_VERSION = "4.1.0";

const CACHE = join(import.meta.dir, "..", "..", ".cache", `kafka-${KAFKA_VERSION}`);

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>shardcast</groupId>
  <artifactId>test-kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${KAFKA_VERSION}</version></dependency>
  </dependencies>
</project>
`;

/**
 * Assembles a Kafka distribution from Maven Central, once, and returns its class path. A download that was cut short
 * leaves nothing behind, because the folder only gets its name when it is complete.
 */
export async function kafkaClassPath(): Promise<string> {
  const libraries = join(CACHE, "libs");
  if (!existsSync(libraries)) await download(libraries);
  return `${libraries}/*`;
}

async function download(libraries: string): Promise<void> {
  const workspace = join(CACHE, `download-${process.pid}`);
  mkdirSync(workspace, { recursive: true });
  writeFileSync(join(workspace, "pom.xml"), POM);
  console.error(`Fetching Kafka ${KAFKA_VERSION} from Maven Central for the tests, once.`);
  try {
    await run(
      "mvn",
      ["-B", "-q", "dependency:copy-dependencies", "-DoutputDirectory=libs", "-DincludeScope=runtime"],
      workspace,
    );
    // Another test process may have been faster.
    if (!existsSync(libraries)) renameSync(join(workspace, "libs"), libraries);
  } finally {
    rmSync(workspace, { recursive: true, force: true });
  }
}

function run(command: string, args: readonly string[], cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const collect = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-2000);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ended with ${code}:\n${output}`));
    });
  });
}
