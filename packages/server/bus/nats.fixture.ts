// Servers that ask for a login or for TLS, and what a bus needs to be let in: one for each way that NATS has.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createAccount,
  createOperator,
  createUser,
  encodeAccount,
  encodeOperator,
  encodeUser,
  fmtCreds,
} from "@nats-io/jwt";
import { makeCertificates } from "../../../test/services/certificates.ts";
import type { NatsServerOptions } from "../../../test/services/nats.ts";
import { NatsBroadcastBus, type NatsBusOptions } from "./nats.ts";

export interface NatsVariant {
  readonly server: NatsServerOptions;
  /** The bus' options beside subject and pace, made for the server's port. */
  readonly bus: (port: number) => Omit<NatsBusOptions, "subject">;
}

export const FAST = { retryMinMs: 1, retryMaxMs: 20 };
export const SUBJECT = "shardcast.test.frames";

/** What a new account may do by default is nothing. */
const UNLIMITED = {
  conn: -1,
  subs: -1,
  data: -1,
  payload: -1,
  leaf: -1,
  imports: -1,
  exports: -1,
  wildcards: true,
};

export const VARIANTS: Readonly<Record<string, () => NatsVariant | Promise<NatsVariant>>> = {
  plain: () => ({ server: {}, bus: (port) => ({ url: `nats://127.0.0.1:${port}` }) }),
  "user and password": () => ({
    server: { config: 'authorization { user: alice, password: "pa ss" }' },
    bus: (port) => ({ url: `nats://127.0.0.1:${port}`, username: "alice", password: "pa ss" }),
  }),
  "user and password in the URL": () => ({
    server: { config: 'authorization { user: alice, password: "p@ss:/," }' },
    bus: (port) => ({ url: `nats://alice:p%40ss%3A%2F%2C@localhost:${port}` }),
  }),
  token: () => ({
    server: { config: 'authorization { token: "s3cr3t" }' },
    bus: (port) => ({ url: `nats://127.0.0.1:${port}`, token: "s3cr3t" }),
  }),
  "token in the URL": () => ({
    server: { config: 'authorization { token: "s3cr3t" }' },
    bus: (port) => ({ url: `nats://s3cr3t@127.0.0.1:${port}` }),
  }),
  nkey: () => {
    const user = createUser();
    const seed = new TextDecoder().decode(user.getSeed());
    return {
      server: { config: `authorization { users: [{ nkey: ${user.getPublicKey()} }] }` },
      bus: (port) => ({ url: `nats://127.0.0.1:${port}`, credentials: `${seed}\n` }),
    };
  },
  "creds file": async () => {
    const [operator, account, user] = [createOperator(), createAccount(), createUser()];
    const accountJwt = await encodeAccount("A", account, { limits: UNLIMITED }, { signer: operator });
    const userJwt = await encodeUser("u", user, account);
    return {
      server: {
        config: `
          operator: ${await encodeOperator("O", operator)}
          resolver: MEMORY
          resolver_preload: { ${account.getPublicKey()}: ${accountJwt} }
        `,
      },
      bus: (port) => ({
        url: `nats://127.0.0.1:${port}`,
        credentials: new TextDecoder().decode(fmtCreds(userJwt, user)),
      }),
    };
  },
  "TLS with an authority of its own": () => {
    const { server, ca } = tlsServer();
    return { server, bus: (port) => ({ url: `tls://localhost:${port}`, ca }) };
  },
};

/** A server with a certificate for `localhost` and 127.0.0.1, and the authority that signed it. */
export function tlsServer(): { readonly server: NatsServerOptions; readonly ca: string } {
  const directory = mkdtempSync(join(tmpdir(), "shardcast-certificates-"));
  const { server, ca } = makeCertificates(directory);
  rmSync(directory, { recursive: true });
  return {
    ca,
    server: {
      config: 'tls { cert_file: "{directory}/cert.pem", key_file: "{directory}/key.pem" }',
      files: { "cert.pem": server.cert, "key.pem": server.key },
    },
  };
}

export function natsBus(
  options: Omit<NatsBusOptions, "subject"> & { readonly subject?: string },
): NatsBroadcastBus {
  return new NatsBroadcastBus({ subject: SUBJECT, ...FAST, ...options });
}
