import { IAMCustomRole } from "@pulumi/gcp/projects/iamcustomRole.js";
import { IAMMember } from "@pulumi/gcp/projects/iammember.js";
import { SecretIamMember } from "@pulumi/gcp/secretmanager/secretIamMember.js";
import { Account } from "@pulumi/gcp/serviceaccount/account.js";
import type { Input } from "@pulumi/pulumi/output.js";
import { named, type Stack } from "./stack.ts";

/** Who the machines that serve are: they write logs and metrics, and ask what their own group is about to do to them. */
export function buildMachineAccount(stack: Stack): Account {
  const account = new Account(
    "machine-account",
    { accountId: named(stack, "machine"), displayName: "Shardcast: machines" },
    stack.first,
  );
  grant(stack, "machine", account, ["roles/logging.logWriter", "roles/monitoring.metricWriter"]);
  const watcher = new IAMCustomRole(
    "watcher-role",
    {
      roleId: named(stack, "watcher").replaceAll("-", "_"),
      title: "Shardcast: sees its instance group",
      description: "What a machine needs in order to end in order before its group deletes it",
      permissions: ["compute.instanceGroupManagers.get"],
      stage: "GA",
    },
    stack.first,
  );
  new IAMMember("machine-watches-group", {
    project: stack.project,
    role: watcher.name,
    member: account.member,
  });
  return account;
}

/** Who the machines that play clients are. */
export function buildLoadtestAccount(stack: Stack): Account {
  const account = new Account(
    "loadtest-account",
    { accountId: named(stack, "loadtest"), displayName: "Shardcast: machines that play clients" },
    stack.first,
  );
  grant(stack, "loadtest", account, ["roles/logging.logWriter"]);
  return account;
}

export function grant(stack: Stack, name: string, account: Account, roles: readonly string[]): void {
  for (const role of roles)
    new IAMMember(`${name}-${role.replace("roles/", "").replaceAll(".", "-")}`, {
      project: stack.project,
      role,
      member: account.member,
    });
}

/** Lets the account read one secret, and no other of the project. */
export function letReadSecret(
  stack: Stack,
  secretId: Input<string>,
  name: string,
  account: Account,
): SecretIamMember {
  return new SecretIamMember(`machine-reads-${name}`, {
    project: stack.project,
    secretId,
    role: "roles/secretmanager.secretAccessor",
    member: account.member,
  });
}
