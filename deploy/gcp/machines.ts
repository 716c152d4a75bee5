import type { Account } from "@pulumi/gcp/serviceaccount/account.js";
import { all, type Output } from "@pulumi/pulumi/output.js";
import type { Resource } from "@pulumi/pulumi/resource.js";
import { buildMachineAccount, letReadSecret } from "./accounts.ts";
import type { RegionBus } from "./bus.ts";
import { MACHINE_TAG } from "./firewall.ts";
import { buildGroup, buildLiveCheck, type MachineGroup } from "./group.ts";
import type { ManagedKafka } from "./kafka.ts";
import { cloudConfig } from "./machine/cloudConfig.ts";
import { environment } from "./machine/environment.ts";
import type { ClusterNetwork } from "./network.ts";
import { type Image, letRead } from "./registry.ts";
import type { MadeSecret } from "./secrets.ts";
import { named, type Stack } from "./stack.ts";
import { buildTemplate } from "./template.ts";

export interface Surrounding {
  readonly network: ClusterNetwork;
  readonly buses: ReadonlyMap<string, RegionBus>;
  readonly kafka: ManagedKafka | undefined;
}

/** The machines of all regions, and who they are. */
export function buildMachines(
  stack: Stack,
  image: Image,
  { network, buses, kafka }: Surrounding,
): MachineGroup[] {
  const { settings } = stack;
  const account = buildMachineAccount(stack);
  const mayFetch = image.repository === undefined ? [] : [letRead("machine", image.repository, account)];
  const made = [...[...buses.values()].map(({ password }) => password), ...(kafka ? [kafka.password] : [])];
  const rights = new SecretRights(stack, account, made);
  const live = buildLiveCheck(stack);
  return [...network.subnets].map(([region, subnet]) => {
    const template = buildTemplate(stack, `template-${region}`, {
      description: `Shardcast ${image.name}`,
      namePrefix: named(stack, `${region}-`),
      region,
      subnet: subnet.id,
      tag: MACHINE_TAG,
      account,
      machineType: settings.machineType,
      userData: userData(stack, region, image, buses.get(region), kafka),
      isSpot: settings.spot,
      // A machine that starts before it may read its image and its secrets would only fail and try again.
      dependsOn: [
        ...mayFetch,
        ...environment(settings, { region }).files.flatMap(({ secret }) => rights.of(secret)),
      ],
    });
    return buildGroup(stack, region, template, live);
  });
}

function userData(
  { settings }: Stack,
  region: string,
  image: Image,
  bus: RegionBus | undefined,
  kafka: ManagedKafka | undefined,
): Output<string> {
  return all([bus?.url, bus?.authorities, kafka?.username]).apply(([url, busAuthorities = "", username]) =>
    cloudConfig({
      settings,
      image: image.name,
      region,
      busAuthorities,
      ...(url !== undefined && { bus: { url, hasCa: true } }),
      ...(kafka !== undefined && username !== undefined && { kafka: { brokers: kafka.brokers, username } }),
    }),
  );
}

/** Lets the machines read the secrets that their settings name, each by itself. Regions share some. */
class SecretRights {
  readonly #stack: Stack;
  readonly #account: Account;
  readonly #made: ReadonlyMap<string, MadeSecret>;
  readonly #given = new Map<string, Resource[]>();

  constructor(stack: Stack, account: Account, made: readonly MadeSecret[]) {
    this.#stack = stack;
    this.#account = account;
    this.#made = new Map(made.map((secret) => [secret.name, secret]));
  }

  /** What has to be there before a machine can read the secret. */
  of(secret: string): readonly Resource[] {
    const known = this.#given.get(secret);
    if (known !== undefined) return known;
    const own = this.#made.get(secret);
    const right = letReadSecret(this.#stack, own?.secretId ?? secret, secret, this.#account);
    const needed = own === undefined ? [right] : [right, own.version];
    this.#given.set(secret, needed);
    return needed;
  }
}
