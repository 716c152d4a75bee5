import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** PEM texts of a certificate authority made for one test run, and a server's and a client's certificate from it. */
export interface TestCertificates {
  readonly ca: string;
  readonly server: KeyPair;
  /** A server's whose address is its name alone, which no client compares: as Google's Memorystore has them. */
  readonly nameless: KeyPair;
  readonly client: KeyPair;
}

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Makes certificates for `localhost` and 127.0.0.1 in `directory`. */
export function makeCertificates(directory: string): TestCertificates {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: directory, stdio: "pipe" });
  const read = (name: string) => readFileSync(join(directory, name), "utf8");
  openssl(
    ..."req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=shardcast-test-ca".split(
      " ",
    ),
  );
  const issue = (name: string, extensions: string): KeyPair => {
    writeFileSync(join(directory, `${name}.ext`), extensions);
    openssl(
      ...`req -newkey rsa:2048 -nodes -keyout ${name}.key -out ${name}.csr -subj /CN=${name}`.split(" "),
    );
    openssl(
      ...`x509 -req -days 2 -in ${name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile ${name}.ext -out ${name}.pem`.split(
        " ",
      ),
    );
    return { cert: read(`${name}.pem`), key: read(`${name}.key`) };
  };
  return {
    server: issue("server", "subjectAltName=DNS:localhost,IP:127.0.0.1\n"),
    nameless: issue("127.0.0.1", "basicConstraints=CA:FALSE\n"),
    client: issue("client", "extendedKeyUsage=clientAuth\n"),
    ca: read("ca.pem"),
  };
}
