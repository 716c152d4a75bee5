import { Cluster } from "@pulumi/gcp/managedkafka/cluster.js";
import { Topic } from "@pulumi/gcp/managedkafka/topic.js";
import { Account } from "@pulumi/gcp/serviceaccount/account.js";
import { Key } from "@pulumi/gcp/serviceaccount/key.js";
import type { Output } from "@pulumi/pulumi/output.js";
import { grant } from "./accounts.ts";
import { kafkaPasswordSecret } from "./machine/environment.ts";
import type { ClusterNetwork } from "./network.ts";
import { keepSecret, type MadeSecret } from "./secrets.ts";
import { named, type Stack } from "./stack.ts";

const GB_BYTES = 1024 ** 3;
const HOUR_MS = 3_600_000;

export interface ManagedKafka {
  readonly brokers: string;
  readonly username: Output<string>;
  readonly password: MadeSecret;
}

/**
 * Managed Service for Apache Kafka: one cluster that all regions read, because a mirrored log has other offsets and is
 * another log. Undefined where Kafka is given.
 */
export function buildKafka(stack: Stack, { subnets }: ClusterNetwork): ManagedKafka | undefined {
  const { kafka, topics, publishTopic } = stack.settings;
  if (kafka.kind !== "managed") return undefined;
  const clusterId = named(stack);
  const subnet = subnets.get(kafka.region);
  const cluster = new Cluster(
    "kafka",
    {
      clusterId,
      location: kafka.region,
      capacityConfig: { vcpuCount: String(kafka.vcpus), memoryBytes: String(kafka.memoryGb * GB_BYTES) },
      // One subnet for each network, of the cluster's own region. Machines of other regions reach it by the same network.
      gcpConfig: { accessConfig: { networkConfigs: subnet === undefined ? [] : [{ subnet: subnet.id }] } },
      rebalanceConfig: { mode: "AUTO_REBALANCE_ON_SCALE_UP" },
      labels: stack.labels,
    },
    stack.kept,
  );
  for (const topicId of [...topics, ...(publishTopic === undefined ? [] : [publishTopic])]) {
    new Topic(
      `topic-${topicId}`,
      {
        cluster: cluster.clusterId,
        location: kafka.region,
        topicId,
        partitionCount: kafka.partitions,
        replicationFactor: 3,
        configs: {
          "cleanup.policy": "delete",
          "min.insync.replicas": "2",
          "retention.ms": String(kafka.retentionHours * HOUR_MS),
        },
      },
      { ...(stack.settings.protect && { protect: true }) },
    );
  }
  return { brokers: brokersOf(stack, clusterId, kafka.region), ...buildLogin(stack) };
}

/** The service's own scheme of names; the provider does not tell the address. */
function brokersOf({ project }: Stack, clusterId: string, region: string): string {
  return `bootstrap.${clusterId}.${region}.managedkafka.${project}.cloud.goog:9092`;
}

/** SASL PLAIN takes a service account's key as its password: an account for this alone, that may do nothing else. */
function buildLogin(stack: Stack): Pick<ManagedKafka, "username" | "password"> {
  const account = new Account(
    "kafka-account",
    { accountId: named(stack, "kafka"), displayName: "Shardcast: reads and writes Kafka" },
    stack.first,
  );
  grant(stack, "kafka", account, ["roles/managedkafka.client"]);
  const key = new Key("kafka-key", { serviceAccountId: account.name });
  return {
    username: account.email,
    password: keepSecret(stack, "kafka-password", kafkaPasswordSecret(stack.settings), key.privateKey),
  };
}
