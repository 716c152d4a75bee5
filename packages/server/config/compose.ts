import type { KafkaConnectionOptions } from "../kafka/options.ts";
import type { KAFKA_CONNECTION_SETTINGS } from "./kafkaSettings.ts";
import type { ResolvedValues } from "./resolveValues.ts";
import type { SettingValues } from "./setting.ts";
import type { Config, KafkaConfig } from "./shape.ts";

/** Puts the flat settings into the groups in which the parts of the server take them. */
export function composeConfig(values: ResolvedValues): Config {
  const kafka = kafkaConfig(values);
  return {
    instance: {
      id: values.instance,
      region: values.region,
      role: values.role,
      shards: values.shards,
    },
    drain: {
      waitMs: values.drainWaitMs,
      clientsPerSecond: values.drainClientsPerSecond,
      timeoutMs: values.drainTimeoutMs,
    },
    rebalance: {
      isOn: values.rebalance,
      threshold: values.rebalancePercent / 100,
      roundShare: values.rebalanceRoundPercent / 100,
      clientsPerSecond: values.rebalanceClientsPerSecond,
      pauseMs: values.rebalancePauseSeconds * 1000,
    },
    gateway: {
      host: values.host,
      port: values.port,
      ...(values.tlsCert !== undefined &&
        values.tlsKey !== undefined && { tls: { cert: values.tlsCert, key: values.tlsKey } }),
      connectionsMax: values.maxConnections,
      connectionsPerShardMax: values.maxConnectionsPerShard,
      subscriptionsMax: values.maxInstanceSubscriptions,
      allowedOrigins: values.allowedOrigins,
      coalesceMsMax: values.coalesceMaxMs,
      ...(values.deflate && {
        deflate: {
          level: values.deflateLevel,
          frameBytesMax: values.deflateFrameBytes,
          membershipsMax: values.deflateMaxMemberships,
          waitMsMax: values.deflateWaitMs,
        },
      }),
    },
    admission: {
      acceptsPerSecond: values.maxAcceptsPerSecond,
      acceptsPerSecondPerAddress: values.maxAcceptsPerSecondPerAddress,
      frameAgeMsMax: values.maxFrameAgeMs,
      memory: {
        ...(values.maxMemoryBytes !== undefined && { bytesMax: values.maxMemoryBytes }),
        highPercent: values.memoryHighPercent,
        lowPercent: values.memoryLowPercent,
      },
      addresses: { trustedProxies: values.trustedProxies ?? [], hidden: values.hiddenAddresses },
    },
    auth: authConfig(values),
    admin: {
      host: values.adminHost,
      port: values.adminPort,
      insecure: values.adminInsecure,
      ...(values.apiKeysFile !== undefined && { apiKeysFile: values.apiKeysFile }),
    },
    bus: {
      url: values.bus,
      prefix: values.busPrefix,
      scope: values.busScope,
      ...(values.busCa !== undefined && { ca: values.busCa }),
      tlsAnyName: values.busTlsAnyName,
      ...(values.busUsername !== undefined && { username: values.busUsername }),
      ...(values.busPassword !== undefined && { password: values.busPassword }),
      ...(values.busToken !== undefined && { token: values.busToken }),
      ...(values.busNatsCreds !== undefined && { natsCredentials: values.busNatsCreds }),
    },
    ...(kafka && { kafka }),
    routing: { channelTemplate: values.channelTemplate, topicTemplates: values.topicTemplates },
    history: {
      messagesPerChannel: values.historyMessages,
      bytesPerShard: values.historyBytes,
      seconds: values.historySeconds,
    },
    embeddedLog: { bytesMax: values.embeddedLogBytes },
    limits: {
      messageBytesMax: values.maxMessageBytes,
      subscriptionsMax: values.maxSubscriptions,
      requestsPerSecond: values.maxRequestsPerSecond,
      requestBurst: 2 * values.maxRequestsPerSecond,
      handshakeTimeoutMs: values.handshakeTimeoutMs,
      idleTimeoutMs: values.idleTimeoutMs,
      pingIntervalMs: values.pingIntervalMs,
      backpressureBytes: values.backpressureBytes,
    },
    resume: {
      recordsMax: values.resumeMaxRecords,
      bytesMax: values.resumeMaxBytes,
      ageSecondsMax: values.resumeMaxAgeSeconds,
    },
    demo: { enabled: values.demo, messagesPerSecond: values.demoRate },
    logging: { level: values.logLevel, format: values.logFormat },
  };
}

function authConfig(values: ResolvedValues): Config["auth"] {
  const { jwtSecret, jwtPublicKey, jwtJwksUrl, jwtAudience, jwtIssuer, anonymousChannels } = values;
  const hasKey = [jwtSecret, jwtPublicKey, jwtJwksUrl].some((key) => key !== undefined);
  return {
    // Whoever sets up keys wants to be asked for tokens.
    anonymousChannels: anonymousChannels ?? (hasKey ? [] : ["*"]),
    warningMs: values.tokenWarningSeconds * 1000,
    ...(hasKey && {
      tokens: {
        ...(jwtSecret !== undefined && { secret: jwtSecret }),
        ...(jwtPublicKey !== undefined && { publicKey: jwtPublicKey }),
        ...(jwtJwksUrl !== undefined && { jwksUrl: jwtJwksUrl }),
        ...(jwtAudience !== undefined && { audience: jwtAudience }),
        ...(jwtIssuer !== undefined && { issuer: jwtIssuer }),
        jwksCacheMs: values.jwtJwksCacheSeconds * 1000,
        jwksStaleMs: values.jwtJwksStaleSeconds * 1000,
        leewaySeconds: values.jwtLeewaySeconds,
      },
    }),
  };
}

function kafkaConfig(values: ResolvedValues): KafkaConfig | undefined {
  const connection = kafkaConnection(values, `${values.busPrefix}-${values.instance}`);
  if (connection === undefined || values.kafkaGroup === undefined) return undefined;
  const { kafkaTopics = [], publishTopic, kafkaDeadLetterTopic } = values;
  const isPublishTopicExtra = publishTopic !== undefined && !kafkaTopics.includes(publishTopic);
  return {
    connection,
    topics: isPublishTopicExtra ? [...kafkaTopics, publishTopic] : kafkaTopics,
    groupId: values.kafkaGroup,
    from: values.kafkaFrom,
    ...(kafkaDeadLetterTopic !== undefined && { deadLetterTopic: kafkaDeadLetterTopic }),
    ...(publishTopic !== undefined && { publishTopic }),
  };
}

/** Returns undefined where no brokers are given. */
export function kafkaConnection(
  values: SettingValues<typeof KAFKA_CONNECTION_SETTINGS>,
  clientId: string,
): KafkaConnectionOptions | undefined {
  if (values.kafkaBrokers === undefined) return undefined;
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername: username, kafkaSaslPassword: password } = values;
  const hasSasl = mechanism !== undefined && username !== undefined && password !== undefined;
  return {
    brokers: values.kafkaBrokers,
    clientId,
    ...(hasSasl && { sasl: { mechanism, username, password } }),
    ...(values.kafkaTls && {
      tls: {
        ...(values.kafkaTlsCa !== undefined && { ca: values.kafkaTlsCa }),
        ...(values.kafkaTlsCert !== undefined && { cert: values.kafkaTlsCert }),
        ...(values.kafkaTlsKey !== undefined && { key: values.kafkaTlsKey }),
        ...(values.kafkaTlsServerName !== undefined && { serverName: values.kafkaTlsServerName }),
        rejectUnauthorized: !values.kafkaTlsInsecure,
      },
    }),
  };
}
