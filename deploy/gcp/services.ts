import { Service } from "@pulumi/gcp/projects/service.js";
import type { Settings } from "./settings/schema.ts";

/** The APIs that the stack's resources belong to. They stay on when the stack goes: others may use them. */
export function enableServices(settings: Settings, project: string): Service[] {
  const names = [
    "compute",
    "artifactregistry",
    "secretmanager",
    "logging",
    "monitoring",
    "iam",
    "iap",
    ...(settings.bus.kind === "memorystore" ? ["redis", "servicenetworking"] : []),
    ...(settings.kafka.kind === "managed" ? ["managedkafka"] : []),
  ];
  return names.map(
    (name) => new Service(name, { project, service: `${name}.googleapis.com`, disableOnDestroy: false }),
  );
}
