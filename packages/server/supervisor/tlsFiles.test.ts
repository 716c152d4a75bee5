import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeCertificates } from "../../../test/services/certificates.ts";
import { TlsFiles } from "./tlsFiles.ts";

const directory = mkdtempSync(join(tmpdir(), "shardcast-tls-files-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const { server, client, ca } = makeCertificates(directory);

function filesOf(texts: { readonly cert: string; readonly key: string }): TlsFiles {
  const paths = { cert: join(directory, "cert.pem"), key: join(directory, "key.pem") };
  writeFileSync(paths.cert, texts.cert);
  writeFileSync(paths.key, texts.key);
  return new TlsFiles(paths);
}

test("a certificate with its issuer's behind it is taken as it is, with text between them", () => {
  const cert = `# ours\n${server.cert}\n# of who issued it\n${ca}`;
  const files = filesOf({ cert, key: server.key });
  expect(files.fault).toBeUndefined();
  expect(files.identity).toEqual({ cert, key: server.key });
});

test("a chain that is not written to its end yet is refused", () => {
  const half = filesOf({ cert: server.cert + ca.slice(0, ca.length / 2), key: server.key });
  expect(half.fault).toContain("holds a certificate that is not whole");
  expect(half.identity).toBeUndefined();
});

test("one file may hold both the certificate and its key", () => {
  const both = server.cert + server.key;
  expect(filesOf({ cert: both, key: both }).fault).toBeUndefined();
});

test("another's key is refused, and no fault quotes a file", () => {
  const { fault } = filesOf({ cert: server.cert, key: client.key });
  expect(fault).toContain("is not the key of the certificate");
  for (const text of [server.cert, client.key]) expect(fault).not.toContain(text.split("\n")[2] ?? "");
});
