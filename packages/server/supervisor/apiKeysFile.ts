import { ApiKeys } from "../auth/apiKeys.ts";
import { readTextFile } from "./textFile.ts";

/** What the file of API keys holds now. */
export class ApiKeysFile {
  readonly keys: ApiKeys | undefined;
  /** Why there are none, and what to do. It never quotes the file. */
  readonly fault: string | undefined;

  constructor(path: string) {
    const file = readTextFile("--api-keys-file", path);
    const parsed = "fault" in file ? file : ApiKeys.parse(file.text);
    if (parsed instanceof ApiKeys) this.keys = parsed;
    else this.fault = "fault" in file ? file.fault : `--api-keys-file: ${path}: ${parsed.fault}`;
  }
}
