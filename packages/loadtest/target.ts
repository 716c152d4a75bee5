/** One address under load, and what each handshake with it says. */
export interface Target {
  readonly hostname: string;
  readonly port: number;
  readonly request: Uint8Array;
  readonly tls: TargetTls | undefined;
}

export interface TlsOptions {
  /** PEM text; absent: the authorities that the runtime knows. */
  readonly ca?: string | undefined;
  /** Takes any certificate. */
  readonly isInsecure: boolean;
}

interface TargetTls {
  readonly ca?: string;
  readonly rejectUnauthorized: boolean;
  readonly serverName: string;
}

export interface TargetOptions {
  /** Offered; none offers nothing. */
  readonly subprotocols: readonly string[];
  readonly authorization?: string | undefined;
  readonly tls: TlsOptions;
}

/** `url` is `ws://` or `wss://`. */
export function targetOf(url: string, { subprotocols, authorization, tls }: TargetOptions): Target {
  const { hostname: host, port, pathname, search, host: hostAndPort, protocol } = new URL(url);
  const hostname = host.replace(/^\[|\]$/g, "");
  const isEncrypted = protocol === "wss:";
  const lines = [
    `GET ${pathname}${search} HTTP/1.1`,
    `Host: ${hostAndPort}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...(subprotocols.length === 0 ? [] : [`Sec-WebSocket-Protocol: ${subprotocols.join(", ")}`]),
    ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
  ];
  return {
    hostname,
    port: Number(port === "" ? (isEncrypted ? 443 : 80) : port),
    request: new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`),
    tls: isEncrypted
      ? {
          ...(tls.ca !== undefined && { ca: tls.ca }),
          rejectUnauthorized: !tls.isInsecure,
          serverName: hostname,
        }
      : undefined,
  };
}
