import { createPrivateKey, X509Certificate } from "node:crypto";
import type { TlsIdentity } from "../gateway/websocket.ts";
import { readTextFile } from "./textFile.ts";

/** What the files of certificate and key hold now. */
export class TlsFiles {
  readonly identity: TlsIdentity | undefined;
  /** When the certificate ends, in ms since 1970. */
  readonly endsMs: number | undefined;
  /** Why they can not be used, and what to do. It never quotes the files. */
  readonly fault: string | undefined;

  constructor({ cert: certPath, key: keyPath }: TlsIdentity) {
    const cert = readTextFile("--tls-cert", certPath);
    const key = readTextFile("--tls-key", keyPath);
    if ("fault" in cert || "fault" in key) {
      this.fault = "fault" in cert ? cert.fault : "fault" in key ? key.fault : undefined;
      return;
    }
    const certificate = attempt(() => new X509Certificate(cert.text));
    const chain = cert.text.split(/(?=^-----BEGIN )/m).filter((block) => block.startsWith(CERTIFICATE_HEAD));
    const privateKey = attempt(() => createPrivateKey(key.text));
    if (certificate === undefined) this.fault = `--tls-cert: ${certPath} holds no certificate in PEM`;
    else if (chain.some((block) => attempt(() => new X509Certificate(block)) === undefined))
      // Such as one that is being written. The transport reads all of them, but each shard for itself, and a shard that starts
      // with it would die of it.
      this.fault = `--tls-cert: ${certPath} holds a certificate that is not whole, behind the first`;
    else if (privateKey === undefined)
      this.fault = `--tls-key: ${keyPath} holds no private key in PEM without a password`;
    else if (!certificate.checkPrivateKey(privateKey)) {
      this.fault = `--tls-key: ${keyPath} is not the key of the certificate in ${certPath}`;
    } else {
      this.identity = { cert: cert.text, key: key.text };
      this.endsMs = Date.parse(certificate.validTo);
    }
  }
}

const CERTIFICATE_HEAD = "-----BEGIN CERTIFICATE-----";

/** What the library says of broken PEM is of no use to anybody, and may quote it. */
function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    // Undefined says it, and the caller in its own words.
    return undefined;
  }
}
