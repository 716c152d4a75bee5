import { readFileSync } from "node:fs";
import { stringify } from "yaml";
import { collectorConfig } from "../monitoring/collector.ts";
import type { Settings } from "../settings/schema.ts";
import {
  ADMIN_PORT,
  BUS_CA_FILE,
  type Environment,
  environment,
  FILES_DIRECTORY,
  SECRETS_DIRECTORY,
  type SecretFile,
  type Surroundings,
} from "./environment.ts";
import { collectorUnit, shardcastUnit, type UnitOptions, watchUnit } from "./units.ts";

const UNITS = "/etc/systemd/system";

export interface MachineOptions extends Surroundings {
  readonly settings: Settings;
  readonly image: string;
  /** PEM of the authorities of the bus. */
  readonly busAuthorities: string;
}

/** What a machine does when it starts, as cloud-init reads it. Container-Optimized OS does it at every start. */
export function cloudConfig({ settings, image, busAuthorities, ...surroundings }: MachineOptions): string {
  const { plain, files } = environment(settings, surroundings);
  const options: UnitOptions = {
    image,
    registry: registryOf(image),
    drainSeconds: settings.drainSeconds,
    collectorImage: settings.collectorImage,
    adminPort: settings.adminRanges.length > 0 ? ADMIN_PORT : undefined,
  };
  return written({
    "/etc/sysctl.d/60-shardcast.conf": shipped("60-shardcast.conf"),
    "/etc/shardcast/shardcast.env": environmentFile({ plain, files }),
    "/etc/shardcast/secrets": files.map(({ file, secret }) => `${file} ${secret}\n`).join(""),
    "/etc/shardcast/fetchSecrets.sh": shipped("fetchSecrets.sh"),
    "/etc/shardcast/watchDeparture.sh": shipped("watchDeparture.sh"),
    "/etc/shardcast/collector.yaml": collectorConfig(settings, surroundings.region),
    [`${FILES_DIRECTORY}/${BUS_CA_FILE}`]: busAuthorities,
    [`${UNITS}/shardcast.service`]: shardcastUnit(options),
    [`${UNITS}/shardcast-collector.service`]: collectorUnit(options),
    [`${UNITS}/shardcast-watch.service`]: watchUnit(),
  });
}

/** A machine that plays clients: the image is there, and whoever comes by SSH starts the test. */
export function loadtestCloudConfig(image: string): string {
  const unit = [
    "[Unit]",
    "Description=Image of the load test",
    "Wants=docker.service network-online.target",
    "After=docker.service network-online.target",
    "",
    "[Service]",
    "Type=oneshot",
    "RemainAfterExit=true",
    "Environment=HOME=/var/lib/shardcast",
    `ExecStartPre=/usr/bin/docker-credential-gcr configure-docker --registries=${registryOf(image)}`,
    `ExecStart=/usr/bin/docker pull ${image}`,
    "Restart=on-failure",
    "RestartSec=10",
    "",
  ].join("\n");
  return written({
    "/etc/sysctl.d/60-shardcast.conf": shipped("60-shardcast.conf"),
    [`${UNITS}/shardcast-loadtest.service`]: unit,
  });
}

/** Cloud-init's file: what is written, and which units are started, the watch after what it watches. */
function written(files: Readonly<Record<string, string>>): string {
  const units = Object.keys(files).flatMap((path) =>
    path.startsWith(UNITS) ? (path.split("/").at(-1) ?? []) : [],
  );
  const config = {
    write_files: Object.entries(files).map(([path, content]) => ({
      path,
      permissions: "0644",
      owner: "root",
      content,
    })),
    runcmd: [
      // Docker's firewall brings the tables that one of these settings is about.
      "modprobe nf_conntrack",
      "sysctl --load=/etc/sysctl.d/60-shardcast.conf",
      "mkdir -p /var/lib/shardcast",
      "systemctl daemon-reload",
      ...units.map((unit) => `systemctl start --no-block ${unit}`),
    ],
  };
  return `#cloud-config\n${stringify(config, { lineWidth: 0 })}`;
}

/** Docker reads each line as it is: no quotes, and no comment behind a value. */
function environmentFile({ plain, files }: Environment): string {
  const variables = { ...plain, ...byVariable(files) };
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

function byVariable(files: readonly SecretFile[]): Record<string, string> {
  return Object.fromEntries(
    files.flatMap(({ variable, file }) =>
      variable === undefined ? [] : [[variable, `${SECRETS_DIRECTORY}/${file}`]],
    ),
  );
}

function registryOf(image: string): string {
  return image.split("/")[0] ?? "";
}

function shipped(name: string): string {
  return readFileSync(new URL(`files/${name}`, import.meta.url), "utf8");
}
