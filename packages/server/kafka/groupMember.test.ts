import { expect, test } from "bun:test";
import { rejectionOf } from "../../../test/services/rejectionOf.ts";
import { until } from "../../../test/services/until.ts";
import type { TopicPartition } from "./assign.ts";
import type { KafkaCluster } from "./cluster.ts";
import { GroupMember } from "./groupMember.ts";
import { decodeSubscription, encodeShare, type Subscription } from "./groupMessages.ts";
import { KafkaError, PROTOCOL } from "./kafkaError.ts";
import { ResponseError } from "./library.ts";

type Answer = (args: readonly unknown[]) => unknown;

/** A member of a group whose coordinator answers as these say, by what the member would do; heartbeats are heard. */
function memberWith(answers: Readonly<Record<string, Answer>>) {
  const asked: string[] = [];
  const cluster = {
    useAny: async (doing: string) => {
      asked.push(doing);
      return { coordinators: [{ nodeId: 1, host: "broker", port: 9092 }] };
    },
    learn: () => undefined,
    closeLane: async () => undefined,
    topics: async () => new Map(),
    call: async (_node: number, _lane: unknown, doing: string, _api: unknown, ...args: unknown[]) => {
      asked.push(doing);
      return await answers[doing]?.(args);
    },
  } as unknown as KafkaCluster;
  const member = new GroupMember(
    {
      ...{ cluster, groupId: "g", topics: ["a"], instanceId: undefined, busName: "one" },
      // It gives a sign of life every fourth part of that.
      ...{ sessionTimeoutMs: 40, random: () => 0 },
    },
    {
      assigned: () => undefined,
      revoked: async () => undefined,
      lost: () => undefined,
      failed: () => undefined,
      strangers: () => undefined,
      joined: () => undefined,
    },
  );
  return { member, asked };
}

function refusal(protocolCode: number, response: object = {}): KafkaError {
  const cause = new ResponseError(11, 9, { "": [protocolCode, null] }, response);
  return new KafkaError("kafka_refused", "refused", { cause, protocolCode });
}

test("a member that joins again says what it reads and since which generation", async () => {
  const said: Subscription[] = [];
  const share: TopicPartition[] = [
    { topic: "a", partition: 0 },
    { topic: "a", partition: 2 },
  ];
  let generation = 4;
  const { member } = memberWith({
    "join the group": (args) => {
      const [{ metadata }] = args[6] as [{ metadata: Buffer }];
      said.push(decodeSubscription(metadata));
      return { memberId: "x", leader: "y", generationId: generation++, skipAssignment: false, members: [] };
    },
    "get a share of the group": () => ({ assignment: encodeShare(share) }),
    "stay in the group": () => {
      if (said.length === 1) throw refusal(PROTOCOL.rebalanceInProgress);
    },
  });
  await member.start();
  await until(() => said.length === 2);
  expect(said).toEqual([
    { topics: ["a"], busName: "one", owned: [], generation: -1 },
    { topics: ["a"], busName: "one", owned: share, generation: 4 },
  ]);
  await member.leave();
});

test("a member that is stopped while it is given its name leaves under that name", async () => {
  const naming = Promise.withResolvers<void>();
  const left: unknown[] = [];
  const { member, asked } = memberWith({
    "join the group": async () => {
      await naming.promise;
      throw refusal(PROTOCOL.memberIdRequired, { memberId: "x" });
    },
    "leave the group": ([, members]) => void left.push(members),
  });
  const started = member.start();
  await until(() => asked.includes("join the group"));
  const leaving = member.leave();
  naming.resolve();
  await leaving;
  expect(left).toEqual([[{ memberId: "x", groupInstanceId: null, reason: "stopped" }]]);
  expect(await rejectionOf(started)).toMatchObject({ code: "kafka_closed" });
});

test("where the coordinator refuses for a reason that is not known it is looked for anew", async () => {
  const { member, asked } = memberWith({
    "join the group": () => {
      throw refusal(PROTOCOL.groupAuthorizationFailed);
    },
  });
  const started = member.start();
  const round = ["find the coordinator of the group g", "join the group"];
  await until(() => asked.length >= 4);
  expect(asked.slice(0, 4)).toEqual([...round, ...round]);
  await member.leave();
  expect(await rejectionOf(started)).toMatchObject({ code: "kafka_closed" });
});
