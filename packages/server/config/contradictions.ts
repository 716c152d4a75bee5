import { adminBeyondThisMachine, authContradictions, halfOfAnIdentity } from "./authContradictions.ts";
import { canBusEncrypt, hasBusLogin, isNatsBus, isSharedBus } from "./busSchemes.ts";
import { didYouMean } from "./didYouMean.ts";
import type { Found } from "./found.ts";
import { connectionContradictions, readingContradictions } from "./kafkaContradictions.ts";
import { isGiven, type Problem, problemAt } from "./problem.ts";
import type { GivenValues } from "./resolveValues.ts";

interface Rule {
  /** The settings that it compares. Where one was refused, comparing it would only distract. */
  readonly compares: readonly (keyof GivenValues)[];
  readonly find: (found: Found) => readonly Problem[];
}

const RULES: readonly Rule[] = [
  { compares: ["port", "adminPort"], find: samePort },
  { compares: ["tlsCert", "tlsKey"], find: halfOfAnIdentity },
  { compares: ["adminHost", "apiKeysFile", "adminInsecure"], find: adminBeyondThisMachine },
  {
    compares: ["drainClientsPerSecond", "rebalanceClientsPerSecond", "maxAcceptsPerSecond"],
    find: fasterThanAccepts,
  },
  { compares: ["rebalance", "bus"], find: lonelyRebalancing },
  { compares: ["role", "bus"], find: lonelyRole },
  { compares: ["busScope", "bus"], find: lonelyScope },
  { compares: ["role"], find: ingestWithoutKafka },
  { compares: ["bus", "busCa", "busUsername", "busPassword"], find: busConnection },
  { compares: ["bus", "busCa", "busTlsAnyName"], find: anyName },
  { compares: ["bus", "busUsername", "busPassword", "busToken", "busNatsCreds"], find: busLogins },
  { compares: ["role", "demo"], find: gatewayWithDemo },
  { compares: ["demo", "demoRate"], find: rateWithoutDemo },
  { compares: ["kafkaDeadLetterTopic", "kafkaTopics", "publishTopic"], find: deadLettersInCircles },
  { compares: ["topicTemplates", "kafkaTopics", "publishTopic"], find: templatesOfOtherTopics },
  { compares: ["idleTimeoutMs", "pingIntervalMs"], find: idleBeforePing },
  { compares: ["memoryHighPercent", "memoryLowPercent"], find: marksInDisorder },
  {
    compares: ["hiddenAddresses", "trustedProxies", "maxAcceptsPerSecondPerAddress"],
    find: limitsOfHiddenAddresses,
  },
];

/** Finds what cannot hold at once, among values each of which is right by itself. */
export function contradictions(found: Found): Problem[] {
  // Half of what was meant is then unknown, and much would only seem to be missing.
  if (found.refused.has("config")) return [];
  const applicable = RULES.filter(({ compares }) => !compares.some((key) => found.refused.has(key)));
  return [
    ...connectionContradictions(found),
    ...readingContradictions(found),
    ...authContradictions(found),
    ...applicable.flatMap(({ find }) => find(found)),
  ];
}

function samePort({ values: { port, adminPort }, origins }: Found): Problem[] {
  if (port === 0 || port !== adminPort) return [];
  const culprit = isGiven(origins.adminPort) ? origins.adminPort : origins.port;
  const message = `${port} would be both the public and the admin port`;
  return [problemAt(culprit, message, "Choose two different values for --port and --admin-port.")];
}

/** The instances of a cluster are taken to be alike. */
function fasterThanAccepts({ values, origins }: Found): Problem[] {
  const accepts = values.maxAcceptsPerSecond;
  if (accepts === "auto") return [];
  return (["drainClientsPerSecond", "rebalanceClientsPerSecond"] as const).flatMap((key) => {
    const pace = values[key];
    if (pace === "auto" || pace <= accepts) return [];
    const message = `${pace} clients would be sent away in a second, and another instance lets in ${accepts}`;
    return [problemAt(origins[key], message, "Set it to at most --max-accepts-per-second, or leave it out.")];
  });
}

function lonelyRebalancing({ values: { rebalance, bus }, origins }: Found): Problem[] {
  if (!rebalance || isSharedBus(bus)) return [];
  const message = "with the local bus there is no other instance to compare with";
  return [problemAt(origins.rebalance, message, "Set --bus to one that instances share, or leave it out.")];
}

function lonelyRole({ values: { role, bus }, origins }: Found): Problem[] {
  if (isSharedBus(bus)) return [];
  const advice = "Set --bus to one that instances share, or use --role all.";
  if (role === "ingest") {
    const message = "an ingest instance serves no clients, and the local bus reaches no other instance";
    return [problemAt(origins.role, message, advice)];
  }
  if (role === "gateway" && isGiven(origins.kafkaBrokers)) {
    const message = "a gateway does not consume, and the local bus brings nothing from other instances";
    return [problemAt(origins.role, message, advice)];
  }
  return [];
}

function lonelyScope({ values: { busScope, bus }, origins }: Found): Problem[] {
  if (busScope === "region" || isSharedBus(bus)) return [];
  const advice = "Set --bus to the one of all regions, or leave --bus-scope out.";
  return [problemAt(origins.busScope, "the local bus reaches no other region", advice)];
}

function ingestWithoutKafka({ values: { role }, origins }: Found): Problem[] {
  if (role !== "ingest" || isGiven(origins.kafkaBrokers)) return [];
  return [problemAt(origins.role, "ingest has nothing to read without Kafka", "Set --kafka-brokers too.")];
}

function busConnection({ values: { bus }, origins }: Found): Problem[] {
  const login = [origins.busUsername, origins.busPassword].filter(isGiven);
  if (!isSharedBus(bus)) {
    const advice = "Set --bus too, or leave it out.";
    return [origins.busCa, ...login]
      .filter(isGiven)
      .map((origin) => problemAt(origin, "has no effect with the local bus", advice));
  }
  const problems: Problem[] = [];
  if (isGiven(origins.busCa) && !canBusEncrypt(bus)) {
    problems.push(
      problemAt(origins.busCa, "has no effect without TLS", "Write rediss in --bus, or leave it out."),
    );
  }
  if (login.length > 0 && hasBusLogin(bus)) {
    const advice = "Leave it out here, or in --bus.";
    problems.push(
      ...login.map((origin) => problemAt(origin, "the URL of the bus holds a login already", advice)),
    );
  }
  if (isGiven(origins.busUsername) && !isGiven(origins.busPassword)) {
    problems.push(problemAt(origins.busUsername, "needs its password", "Set --bus-password-file too."));
  }
  return problems;
}

/** Without an authority of its own, anybody's certificate would do. */
function anyName({ values: { bus, busTlsAnyName }, origins }: Found): Problem[] {
  if (!busTlsAnyName) return [];
  if (!/^rediss:/.test(bus))
    return [problemAt(origins.busTlsAnyName, "is known to rediss:// only", "Leave it out.")];
  const advice = "Set --bus-ca to the authority that signs for this server alone, or leave it out.";
  return isGiven(origins.busCa) ? [] : [problemAt(origins.busTlsAnyName, "needs --bus-ca", advice)];
}

/** NATS knows three ways to log in, of which one counts. */
function busLogins({ values: { bus }, origins }: Found): Problem[] {
  const own = [origins.busToken, origins.busNatsCreds].filter(isGiven);
  if (!isNatsBus(bus)) {
    return own.map((origin) =>
      problemAt(origin, "is known to NATS only", "Leave it out, or set --bus nats://…."),
    );
  }
  const inUrl = hasBusLogin(bus) ? [origins.bus] : [];
  const named = isGiven(origins.busUsername) ? [origins.busUsername] : [];
  const [first, second] = [...inUrl, ...named, ...own];
  if (own.length === 0 || first === undefined || second === undefined) return [];
  return [problemAt(second, "is a second login for the bus", "Leave one out.")];
}

function gatewayWithDemo({ values: { role, demo }, origins }: Found): Problem[] {
  if (role !== "gateway" || !demo) return [];
  const advice = "Leave it out, or use --role all.";
  return [problemAt(origins.demo, "the role gateway has no sources, and the demo feed is one", advice)];
}

function rateWithoutDemo({ values: { demo }, origins }: Found): Problem[] {
  if (demo || !isGiven(origins.demoRate)) return [];
  return [problemAt(origins.demoRate, "has no effect without the demo feed", "Add --demo, or leave it out.")];
}

function deadLettersInCircles({ values, origins }: Found): Problem[] {
  const topic = values.kafkaDeadLetterTopic;
  if (topic === undefined || !topicsRead(values).includes(topic)) return [];
  const message = `${topic} is also read, so that dead letters would go round in circles`;
  return [problemAt(origins.kafkaDeadLetterTopic, message, "Name a topic that is not read.")];
}

function templatesOfOtherTopics({ values, origins }: Found): Problem[] {
  const topics = topicsRead(values);
  const others = Object.keys(values.topicTemplates).filter((topic) => !topics.includes(topic));
  return others.map((topic) => {
    const similar = didYouMean(topic, topics);
    const advice =
      similar === undefined ? "Add it to --kafka-topics, or remove it." : `Did you mean ${similar}?`;
    return problemAt(origins.topicTemplates, `${topic} is not among the topics that are read`, advice);
  });
}

function topicsRead({ kafkaTopics = [], publishTopic }: GivenValues): readonly string[] {
  return publishTopic === undefined ? kafkaTopics : [...kafkaTopics, publishTopic];
}

function limitsOfHiddenAddresses({ values, origins }: Found): Problem[] {
  if (!values.hiddenAddresses) return [];
  const perAddress = values.maxAcceptsPerSecondPerAddress;
  const useless = [
    ...(isGiven(origins.trustedProxies) ? [origins.trustedProxies] : []),
    ...(perAddress === "auto" || perAddress === 0 ? [] : [origins.maxAcceptsPerSecondPerAddress]),
  ];
  const advice = "Leave it out, or --hidden-addresses.";
  return useless.map((origin) =>
    problemAt(origin, "has no effect where clients' addresses are hidden", advice),
  );
}

function marksInDisorder({ values, origins }: Found): Problem[] {
  const { memoryHighPercent: high, memoryLowPercent: low } = values;
  if (low < high) return [];
  const culprit = isGiven(origins.memoryLowPercent) ? origins.memoryLowPercent : origins.memoryHighPercent;
  const message = `clients would be let in again at ${low} %, and refused from ${high} % on`;
  return [problemAt(culprit, message, "Let --memory-low-percent be less than --memory-high-percent.")];
}

function idleBeforePing({ values: { idleTimeoutMs, pingIntervalMs }, origins }: Found): Problem[] {
  if (idleTimeoutMs > pingIntervalMs) return [];
  const culprit = isGiven(origins.idleTimeoutMs) ? origins.idleTimeoutMs : origins.pingIntervalMs;
  const message = `a quiet connection would be closed after ${idleTimeoutMs} ms, before its ping after ${pingIntervalMs} ms`;
  return [problemAt(culprit, message, "Let --idle-timeout-ms be greater, best twice --ping-interval-ms.")];
}
