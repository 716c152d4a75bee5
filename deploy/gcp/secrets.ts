import { Secret } from "@pulumi/gcp/secretmanager/secret.js";
import { SecretVersion } from "@pulumi/gcp/secretmanager/secretVersion.js";
import type { Input, Output } from "@pulumi/pulumi/output.js";
import type { Resource } from "@pulumi/pulumi/resource.js";
import type { Stack } from "./stack.ts";

export interface MadeSecret {
  readonly name: string;
  /** The secret's own name, known once there is a version to read. */
  readonly secretId: Output<string>;
  readonly version: Resource;
}

/** A secret that Google made: it goes to Secret Manager, and to no machine's settings. */
export function keepSecret(
  stack: Stack,
  name: string,
  secretId: string,
  secretData: Input<string>,
): MadeSecret {
  const secret = new Secret(name, { secretId, replication: { auto: {} }, labels: stack.labels }, stack.first);
  const version = new SecretVersion(name, { secret: secret.id, secretData });
  return { name: secretId, secretId: secret.secretId, version };
}
