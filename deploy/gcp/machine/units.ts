import { FILES_DIRECTORY, PUBLIC_PORT, SECRETS_DIRECTORY } from "./environment.ts";

/** The container is not asked again once it was told to end; what is left then is killed. */
const STOP_GRACE_SECONDS = 15;

export interface UnitOptions {
  readonly image: string;
  /** Registries whose images need a login, which Docker gets from the machine's service account. */
  readonly registry: string;
  readonly drainSeconds: number;
  readonly collectorImage: string;
  readonly adminPort?: number | undefined;
}

/** Runs Shardcast in the machine's own network: nothing copies packets, and all shards share its port. */
export function shardcastUnit({ image, registry, drainSeconds, adminPort }: UnitOptions): string {
  const stopSeconds = drainSeconds + STOP_GRACE_SECONDS;
  const ports = [PUBLIC_PORT, ...(adminPort === undefined ? [] : [adminPort])];
  return unit("Shardcast", [
    ...docker(registry),
    // Container-Optimized OS has a firewall of its own beside the network's, and lets in SSH alone.
    ...ports.map((port) => `ExecStartPre=/sbin/iptables -w -I INPUT -p tcp --dport ${port} -j ACCEPT`),
    "ExecStartPre=/bin/bash /etc/shardcast/fetchSecrets.sh",
    `ExecStartPre=/usr/bin/docker pull ${image}`,
    "ExecStartPre=-/usr/bin/docker rm --force shardcast",
    `ExecStart=/usr/bin/docker run ${[
      "--name shardcast --network host --env-file /etc/shardcast/shardcast.env",
      "--read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges",
      "--ulimit nofile=1048576:1048576 --log-opt max-size=64m --log-opt max-file=2",
      `--mount type=bind,src=/run/shardcast/secrets,dst=${SECRETS_DIRECTORY},readonly`,
      `--mount type=bind,src=${FILES_DIRECTORY},dst=${FILES_DIRECTORY},readonly`,
      `${image} serve`,
    ].join(" ")}`,
    `ExecStop=/usr/bin/docker stop --time ${stopSeconds} shardcast`,
    "ExecStopPost=-/usr/bin/docker rm --force shardcast",
    ...ports.map((port) => `ExecStopPost=-/sbin/iptables -w -D INPUT -p tcp --dport ${port} -j ACCEPT`),
    "TimeoutStartSec=300",
    `TimeoutStopSec=${stopSeconds + STOP_GRACE_SECONDS}`,
    "Restart=always",
    "RestartSec=2",
  ]);
}

/** Reads /metrics on this machine, and writes the figures that alerts, dashboard and autoscaler use to Cloud Monitoring. */
export function collectorUnit({ collectorImage, registry }: UnitOptions): string {
  return unit("Metrics of Shardcast to Cloud Monitoring", [
    ...docker(registry),
    "ExecStartPre=-/usr/bin/docker rm --force collector",
    `ExecStart=/usr/bin/docker run ${[
      "--rm --name collector --network host --user 10001:10001 --memory 256m",
      "--read-only --cap-drop ALL --security-opt no-new-privileges --log-opt max-size=8m --log-opt max-file=2",
      // Until Shardcast's start has fetched them this fails, and is tried again.
      `--mount type=bind,src=/run/shardcast/secrets,dst=${SECRETS_DIRECTORY},readonly`,
      "--mount type=bind,src=/etc/shardcast/collector.yaml,dst=/etc/otelcol-google/config.yaml,readonly",
      `${collectorImage} --config=/etc/otelcol-google/config.yaml`,
    ].join(" ")}`,
    "ExecStop=/usr/bin/docker stop --time 10 collector",
    "Restart=always",
    "RestartSec=10",
  ]);
}

export function watchUnit(): string {
  return unit("Ends Shardcast in order before this machine goes", [
    "ExecStart=/bin/bash /etc/shardcast/watchDeparture.sh",
    "Restart=on-failure",
    "RestartSec=10",
  ]);
}

function docker(registry: string): string[] {
  return [
    "Environment=HOME=/var/lib/shardcast",
    `ExecStartPre=/usr/bin/docker-credential-gcr configure-docker --registries=${registry}`,
  ];
}

function unit(description: string, service: readonly string[]): string {
  return [
    "[Unit]",
    `Description=${description}`,
    "Wants=docker.service network-online.target",
    // Units end in the opposite order: Docker and the network are still there while Shardcast drains.
    "After=docker.service network-online.target",
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    ...service,
    "",
  ].join("\n");
}
