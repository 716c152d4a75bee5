import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { htmlOf } from "@shardcast/loadtest/html";
import type { Report } from "@shardcast/loadtest/report";
import { CommandFailure, usageFailure } from "../command.ts";

export interface ReportFiles {
  readonly report: string;
  readonly page: string;
}

/** Where a report goes. Rejects where it could not be written: better now than after an hour's run. */
export async function reportFiles(report: string): Promise<ReportFiles> {
  const page = `${report.replace(/\.json$/, "")}.html`;
  for (const file of [report, page]) {
    try {
      await mkdir(dirname(file), { recursive: true });
      // What is there already stays as it is until then.
      await (await open(file, "a")).close();
    } catch (error) {
      throw usageFailure(
        `the report cannot be written to ${file} (${codeOf(error)})`,
        "Name a file in a folder that this user may write to: --report <path>.",
      );
    }
  }
  return { report, page };
}

export async function writeReport(report: Report, files: ReportFiles): Promise<void> {
  try {
    await Bun.write(files.report, `${JSON.stringify(report)}\n`);
    await Bun.write(files.page, htmlOf(report));
  } catch (error) {
    throw new CommandFailure(`the report could not be written to ${files.report} (${codeOf(error)})`, {
      cause: error,
      advice: "The figures printed are all there is of this run. Is there room on the disk?",
    });
  }
}

function codeOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.message : String(error);
}
