// Figures on pages are found again by the run's day and commit.
import { afterEach, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runOf, runText } from "../bench/runOf.ts";

const directory = mkdtempSync(join(tmpdir(), "bench-run-"));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("a run is named by its day and commit, and says when files differed from that or there is none", () => {
  const isoDay = /^\d{4}-\d\d-\d\d$/;
  expect(runOf(directory)).toEqual({ date: expect.stringMatching(isoDay), commit: "unknown" });
  const git = (...args: readonly string[]) => {
    const identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    const { status, stdout } = spawnSync("git", [...identity, ...args], { cwd: directory, encoding: "utf8" });
    expect(status).toBe(0);
    return stdout.trim();
  };
  git("init", "-q");
  writeFileSync(join(directory, "file"), "one");
  git("add", "file");
  git("commit", "-qm", "one");
  const commit = git("rev-parse", "--short", "HEAD");
  expect(runOf(directory).commit).toBe(commit);
  writeFileSync(join(directory, "file"), "two");
  expect(runOf(directory).commit).toBe(`${commit}+`);
  expect(runText({ date: "2026-01-02", commit })).toBe(`2026-01-02, commit ${commit}`);
});
