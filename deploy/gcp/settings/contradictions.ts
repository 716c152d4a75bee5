import { drainWaitSeconds } from "../machine/environment.ts";
import { addressRange, isPrivate, overlap } from "./addressRange.ts";
import { shardsOf, vcpusOf } from "./machineShape.ts";
import type { Settings } from "./schema.ts";
import { settingProblems } from "./shardcastSettings.ts";

/** What is wrong between settings, each of which is right alone. */
export function contradictions(settings: Settings): string[] {
  return [
    ...regionProblems(settings),
    ...rangeProblems(settings),
    ...kafkaProblems(settings),
    ...balancerProblems(settings),
    ...machineProblems(settings),
    ...settingProblems(settings),
  ].map((problem) => `shardcast:${problem}`);
}

function regionProblems({ regions, bus, loadtestRegion }: Settings): string[] {
  const names = Object.keys(regions);
  const problems = names.length === 0 ? ["regions: names no region"] : [];
  for (const [name, { machinesMin, machinesMax, busUrlSecret }] of Object.entries(regions)) {
    if (machinesMin > machinesMax) problems.push(`regions.${name}: machinesMin is more than machinesMax`);
    if (bus.kind === "given" && busUrlSecret === undefined)
      problems.push(
        `regions.${name}.busUrlSecret: is missing; with bus.kind: given each region names its bus`,
      );
    if (bus.kind === "memorystore" && busUrlSecret !== undefined)
      problems.push(`regions.${name}.busUrlSecret: has no effect without bus.kind: given; leave it out`);
  }
  if (loadtestRegion !== undefined && !names.includes(loadtestRegion))
    problems.push(`loadtestRegion: is none of regions (${names.join(", ")})`);
  return problems;
}

function rangeProblems({ regions, adminRanges, files, metricsKeySecret }: Settings): string[] {
  const problems: string[] = [];
  const subnets = Object.entries(regions).map(([name, { cidr }]) => ({ key: `regions.${name}.cidr`, cidr }));
  for (const { key, cidr } of [...subnets, ...adminRanges.map((cidr) => ({ key: "adminRanges", cidr }))]) {
    const range = addressRange(cidr);
    if (range === undefined)
      problems.push(`${key}: ${cidr} is no range; its address must be the range's first`);
    else if (!isPrivate(range)) problems.push(`${key}: ${cidr} is not private (10/8, 172.16/12, 192.168/16)`);
    else if (key !== "adminRanges" && range.bits > 26) problems.push(`${key}: ${cidr} is smaller than a /26`);
  }
  for (const [index, one] of subnets.entries())
    for (const other of subnets.slice(index + 1))
      if (overlap(one.cidr, other.cidr)) problems.push(`${other.key}: overlaps with ${one.key}`);
  if ((files["api-keys-file"] === undefined) !== (metricsKeySecret === undefined))
    problems.push(
      "metricsKeySecret: belongs to files.api-keys-file: the collector needs a key where keys are asked for",
    );
  if (adminRanges.length > 0 && files["api-keys-file"] === undefined)
    problems.push("adminRanges: needs files.api-keys-file, a secret with the keys (docs/security.md)");
  return problems;
}

function kafkaProblems({ kafka, regions, topics, publishTopic }: Settings): string[] {
  const problems: string[] = [];
  if (new Set(topics).size < topics.length) problems.push("topics: names a topic twice");
  if (publishTopic !== undefined && topics.includes(publishTopic))
    problems.push("topics: need not name publishTopic; it is read anyway");
  if (kafka.kind === "managed") {
    if (regions[kafka.region] === undefined)
      problems.push(`kafka.region: ${kafka.region} is none of regions, so that it has no subnet`);
    if (kafka.memoryGb < kafka.vcpus || kafka.memoryGb > 8 * kafka.vcpus)
      problems.push(`kafka.memoryGb: must be 1 to 8 GB for each of ${kafka.vcpus} vcpus`);
    return problems;
  }
  const { saslMechanism, username, passwordSecret, caSecret, tls } = kafka;
  const login = [saslMechanism, username, passwordSecret].filter((part) => part !== undefined);
  if (login.length === 1 || login.length === 2)
    problems.push("kafka: saslMechanism, username and passwordSecret belong together");
  if (login.length > 0 && !tls)
    problems.push("kafka.tls: is false, so that the password would be sent in the open");
  if (caSecret !== undefined && !tls) problems.push("kafka.caSecret: has no effect without tls");
  return problems;
}

function balancerProblems({ domains, port }: Settings): string[] {
  return domains.length > 0 && port !== undefined && port !== 443
    ? ["port: must be 443 with domains: Google makes and renews the certificate by way of it"]
    : [];
}

/** At least this many clients are sent away in a second (`--drain-clients-per-second`, which is `auto`, at most 500). */
const DRAIN_CLIENTS_PER_SECOND = 500;
/** Slots are spaced wider than the rate says, and shards take some seconds to end (docs/operations.md). */
const DRAIN_SPACING = 1.1;
const DRAIN_END_SECONDS = 10;

/** Of the 30 s of notice some are gone when the machine's own shutdown reaches the container. */
const SPOT_DRAIN_SECONDS_MAX = 20;

function machineProblems(all: Settings): string[] {
  const { spot, drainSeconds, image, imageTag, clientsPerMachine, scaleAtCpuShare, settings } = all;
  const problems: string[] = [];
  const pace = Number(settings["drain-clients-per-second"] ?? DRAIN_CLIENTS_PER_SECOND);
  const spreading = (DRAIN_SPACING * clientsPerMachine) / pace;
  const needed = Math.ceil(drainWaitSeconds(all) + spreading + DRAIN_END_SECONDS);
  // A machine that is taken back has no time for it: those left are closed at once, and their SDK spreads them.
  if (!spot && needed > drainSeconds)
    problems.push(
      `drainSeconds: ${clientsPerMachine} clients need ${needed} to be sent away, ${pace} in a second`,
    );
  if (spot && drainSeconds > SPOT_DRAIN_SECONDS_MAX)
    problems.push(
      `drainSeconds: must be ${SPOT_DRAIN_SECONDS_MAX} at most with spot, which gives 30 s of notice`,
    );
  const busyAtMost = shardsOf(all) / vcpusOf(all);
  if (scaleAtCpuShare !== undefined && scaleAtCpuShare >= busyAtMost)
    problems.push(
      `scaleAtCpuShare: ${shardsOf(all)} shards keep ${busyAtMost.toFixed(2)} of ${vcpusOf(all)} processors busy at most, so it would never be reached`,
    );
  if (image !== undefined && imageTag !== undefined)
    problems.push("image: stands in place of imageTag; set one");
  return problems;
}
