import type { KafkaConnectionOptions } from "../kafka/options.ts";
import { HIDDEN, redactUrl } from "./secrets.ts";
import type { Config } from "./shape.ts";

/** The same configuration with nothing in it that must not be printed. */
export function redactConfig(config: Config): Config {
  const { bus, kafka, auth } = config;
  return {
    ...config,
    auth: {
      ...auth,
      ...(auth.tokens?.secret !== undefined && { tokens: { ...auth.tokens, secret: HIDDEN } }),
    },
    bus: {
      ...bus,
      url: redactUrl(bus.url),
      ...(bus.password !== undefined && { password: HIDDEN }),
      ...(bus.token !== undefined && { token: HIDDEN }),
      ...(bus.natsCredentials !== undefined && { natsCredentials: HIDDEN }),
    },
    ...(kafka && { kafka: { ...kafka, connection: redactConnection(kafka.connection) } }),
  };
}

function redactConnection(connection: KafkaConnectionOptions): KafkaConnectionOptions {
  const { sasl, tls } = connection;
  return {
    ...connection,
    ...(sasl && { sasl: { ...sasl, password: HIDDEN } }),
    ...(tls?.key !== undefined && { tls: { ...tls, key: HIDDEN } }),
  };
}
