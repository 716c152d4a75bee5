import { readFileSync } from "node:fs";
import { ApiKeys } from "../auth/apiKeys.ts";

/** What the file of API keys holds now. */
export class ApiKeysFile {
  readonly keys: ApiKeys | undefined;
  /** Why there are none, and what to do. It never quotes the file. */
  readonly fault: string | undefined;

  constructor(path: string) {
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
      this.fault = `--api-keys-file: ${path} cannot be read (${code}); correct the path or its rights`;
      return;
    }
    const parsed = ApiKeys.parse(text);
    if (parsed instanceof ApiKeys) this.keys = parsed;
    else this.fault = `--api-keys-file: ${path}: ${parsed.fault}`;
  }
}
