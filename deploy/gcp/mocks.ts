// Stands in for Google Cloud: answers each resource with what was asked for and what Google would add, and writes it down.
import { disconnect, setMocks } from "@pulumi/pulumi/runtime/index.js";
import type { MockResourceArgs } from "@pulumi/pulumi/runtime/mocks.js";
import { registerStackTransformation, runInPulumiStack } from "@pulumi/pulumi/runtime/stack.js";
import { buildCluster } from "./cluster.ts";
import { readSettings } from "./settings/read.ts";

export interface SeenResource {
  /** Such as `gcp:compute/network:Network`. */
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly isProtected: boolean;
}

export const PROJECT = "example-project";

/** Builds the cluster of a configuration as `pulumi up` would, in a project that is not there. */
export async function pretend(config: Readonly<Record<string, string>>): Promise<readonly SeenResource[]> {
  const seen: SeenResource[] = [];
  const kept = new Set<string>();
  await setMocks(
    {
      newResource: (resource) => {
        const { type, name, inputs } = resource;
        seen.push({ type, name, inputs, isProtected: kept.has(`${type} ${name}`) });
        return { id: `${name}-id`, state: { ...inputs, ...madeByGoogle(resource) } };
      },
      call: ({ inputs }) => inputs,
    },
    "shardcast",
    "example",
  );
  const settings = readSettings(config);
  await runInPulumiStack(async () => {
    registerStackTransformation(({ type, name, opts }) => {
      if (opts.protect === true) kept.add(`${type} ${name}`);
      return undefined;
    });
    return buildCluster(settings, PROJECT);
  });
  await disconnect();
  return seen.filter(({ type }) => type.startsWith("gcp:"));
}

/** What Google would tell of a resource once it is there, as far as the program goes on with it. */
function madeByGoogle({ type, name, inputs }: MockResourceArgs): Record<string, unknown> {
  switch (type) {
    case "gcp:redis/instance:Instance":
      return {
        host: "10.200.0.3",
        port: 6378,
        authString: "made-by-google",
        serverCaCerts: [{ cert: "-----BEGIN CERTIFICATE-----\nexample\n-----END CERTIFICATE-----" }],
      };
    case "gcp:serviceaccount/account:Account": {
      const email = `${inputs.accountId}@${PROJECT}.iam.gserviceaccount.com`;
      return {
        email,
        name: `projects/${PROJECT}/serviceAccounts/${email}`,
        member: `serviceAccount:${email}`,
      };
    }
    case "gcp:serviceaccount/key:Key":
      return { privateKey: "made-by-google" };
    case "gcp:projects/iAMCustomRole:IAMCustomRole":
      return { name: `projects/${PROJECT}/roles/${inputs.roleId}` };
    case "gcp:compute/globalAddress:GlobalAddress":
      return { address: "203.0.113.10" };
    case "gcp:compute/instanceTemplate:InstanceTemplate":
      return {
        selfLinkUnique: `projects/${PROJECT}/global/instanceTemplates/${inputs.namePrefix}0001?uniqueId=1`,
      };
    case "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager":
      return { instanceGroup: `projects/${PROJECT}/regions/${inputs.region}/instanceGroups/${inputs.name}` };
    case "gcp:artifactregistry/repository:Repository":
      return { name: inputs.repositoryId };
    case "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig":
      return { uptimeCheckId: name };
    default:
      return {};
  }
}
