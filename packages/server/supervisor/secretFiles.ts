import type { Logger } from "pino";
import { counter, type Figure, gauge } from "../admin/figure.ts";
import { AdminGuard } from "../auth/adminGuard.ts";
import type { Config } from "../config/shape.ts";
import type { TlsIdentity } from "../gateway/websocket.ts";
import { ApiKeysFile } from "./apiKeysFile.ts";
import { TlsFiles } from "./tlsFiles.ts";

export interface SecretFilesOptions {
  readonly admin: Config["admin"];
  readonly tls: Config["gateway"]["tls"];
  readonly logger: Logger;
  /** Another certificate is to be shown from now on. */
  readonly onTls: (identity: TlsIdentity) => void;
}

/** The files that an instance reads again on SIGHUP: the API keys of its admin port, the certificate of its public one. */
export class SecretFiles {
  readonly guard: AdminGuard;
  readonly #options: SecretFilesOptions;
  readonly #reloads = { done: 0, refused: 0 };
  #tls: TlsFiles | undefined;

  constructor(options: SecretFilesOptions) {
    this.#options = options;
    const { apiKeysFile, host, insecure } = options.admin;
    const keys = apiKeysFile === undefined ? undefined : new ApiKeysFile(apiKeysFile).keys;
    this.guard = new AdminGuard({ keys, host, insecure });
    if (options.tls !== undefined) this.#tls = new TlsFiles(options.tls);
  }

  get tls(): TlsIdentity | undefined {
    return this.#tls?.identity;
  }

  get areThere(): boolean {
    return this.#options.admin.apiKeysFile !== undefined || this.#options.tls !== undefined;
  }

  get figures(): Figure[] {
    const reloads = counter(
      "reloads",
      "Files that were read again on SIGHUP.",
      () => this.#reloads,
      "result",
    );
    const refusals = counter(
      "admin_refusals",
      "Requests to the admin port that were refused.",
      () => this.guard.refused,
      "reason",
    );
    if (this.#tls === undefined) return [reloads, refusals];
    const end = gauge(
      "tls_certificate_end_seconds",
      "When the certificate of the public port ends, in seconds since 1970.",
      () => (this.#tls?.endsMs ?? 0) / 1000,
    );
    return [reloads, refusals, end];
  }

  /** What can not be used leaves what was there: a slip of the pen must lock nobody out, and let nobody in. */
  reload(): void {
    const { admin, tls } = this.#options;
    if (admin.apiKeysFile !== undefined) this.#reloadKeys(admin.apiKeysFile);
    if (tls !== undefined) this.#reloadTls(tls);
  }

  #reloadKeys(path: string): void {
    const { logger } = this.#options;
    const { keys, fault } = new ApiKeysFile(path);
    this.#reloads[keys === undefined ? "refused" : "done"] += 1;
    if (keys === undefined) logger.error({ fault }, "the API keys stay as they were");
    else {
      this.guard.keys = keys;
      logger.info({ keys: keys.size }, "API keys read again");
    }
  }

  #reloadTls(paths: NonNullable<Config["gateway"]["tls"]>): void {
    const { logger, onTls } = this.#options;
    const before = this.tls;
    const files = new TlsFiles(paths);
    const { identity, fault, endsMs } = files;
    this.#reloads[identity === undefined ? "refused" : "done"] += 1;
    if (identity === undefined) {
      logger.error({ fault }, "the certificate stays as it was");
      return;
    }
    this.#tls = files;
    // A change of listeners resets handshakes: not for nothing.
    if (identity.cert === before?.cert && identity.key === before.key) return;
    onTls(identity);
    logger.info({ ends: new Date(endsMs ?? 0).toISOString() }, "certificate read again");
  }
}
