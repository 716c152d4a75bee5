import { InstanceTemplate } from "@pulumi/gcp/compute/instanceTemplate.js";
import type { Account } from "@pulumi/gcp/serviceaccount/account.js";
import type { Input } from "@pulumi/pulumi/output.js";
import type { Resource } from "@pulumi/pulumi/resource.js";
import type { Stack } from "./stack.ts";

export interface TemplateOptions {
  readonly description: string;
  /** Begins its name: a template can not be changed, so that each version is another one. */
  readonly namePrefix: string;
  readonly region: string;
  readonly subnet: Input<string>;
  readonly tag: string;
  readonly account: Account;
  readonly machineType: string;
  readonly userData: Input<string>;
  readonly isSpot?: boolean;
  /** Only machines that play clients have one. */
  readonly hasExternalAddress?: boolean;
  readonly dependsOn?: readonly Resource[];
}

/** A machine of Container-Optimized OS that does what its user-data says. */
export function buildTemplate(stack: Stack, name: string, options: TemplateOptions): InstanceTemplate {
  const { bootImage, bootDiskGb } = stack.settings;
  const { description, namePrefix, region, subnet, tag, account, machineType, userData } = options;
  return new InstanceTemplate(
    name,
    {
      namePrefix,
      description,
      region,
      machineType,
      tags: [tag],
      labels: stack.labels,
      disks: [
        {
          boot: true,
          autoDelete: true,
          sourceImage: bootImage,
          diskSizeGb: bootDiskGb,
          diskType: "pd-balanced",
          labels: stack.labels,
        },
      ],
      networkInterfaces: [
        {
          subnetwork: subnet,
          nicType: "GVNIC",
          ...(options.hasExternalAddress === true && { accessConfigs: [{ networkTier: "PREMIUM" }] }),
        },
      ],
      // What the account may do is its roles' business alone; scopes would be a second list beside it.
      serviceAccount: { email: account.email, scopes: ["https://www.googleapis.com/auth/cloud-platform"] },
      shieldedInstanceConfig: { enableSecureBoot: true, enableVtpm: true, enableIntegrityMonitoring: true },
      metadata: {
        "user-data": userData,
        // Logs of containers and of the system go to Cloud Logging.
        "google-logging-enabled": "true",
        "google-monitoring-enabled": "true",
        "enable-oslogin": "TRUE",
        "block-project-ssh-keys": "TRUE",
        "serial-port-enable": "FALSE",
      },
      scheduling: options.isSpot === true ? SPOT : STEADY,
    },
    { dependsOn: [...(options.dependsOn ?? [])] },
  );
}

/** Moved while they run when their host is maintained: a connection survives that. */
const STEADY = {
  automaticRestart: true,
  onHostMaintenance: "MIGRATE",
  provisioningModel: "STANDARD",
};

/** Deleted rather than stopped when they are taken back: the group starts others where there is room. */
const SPOT = {
  automaticRestart: false,
  preemptible: true,
  onHostMaintenance: "TERMINATE",
  provisioningModel: "SPOT",
  instanceTerminationAction: "DELETE",
};
