import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Assembler } from "./assemble.ts";
import { simulate } from "./simulation.ts";

/** A defect as a change of the source's text: each must make the simulation fail, or the simulation proves nothing. */
interface Mutant {
  readonly defect: string;
  readonly file: (typeof SOURCES)[number];
  readonly from: string;
  readonly to: string;
}

const SOURCES = [
  "assemble.ts",
  "discovery.ts",
  "followedStreams.ts",
  "forwardReading.ts",
  "handover.ts",
  "heldFrames.ts",
  "limits.ts",
  "logAnswers.ts",
  "logReader.ts",
  "pauses.ts",
  "stats.ts",
  "streamState.ts",
  "unreadableStretch.ts",
] as const;

const MUTANTS: readonly Mutant[] = [
  {
    defect: "a frame is delivered whatever is missing before it",
    file: "assemble.ts",
    from: "frame.after <= stream.delivered &&\n",
    to: "",
  },
  {
    defect: "a repeated frame is delivered again",
    file: "assemble.ts",
    from: "if (frame.through <= stream.delivered) {\n        this.#counters.repeats++;\n        return;\n      }",
    to: "",
  },
  {
    defect: "a frame that begins before the position is not sliced",
    file: "handover.ts",
    from: "const fresh = beyond(publications, stream.delivered);",
    to: "const fresh = publications;",
  },
  {
    defect: "an answer of the log is delivered although the bus was faster",
    file: "logAnswers.ts",
    from: "if (through <= stream.delivered) return;\n    const fresh",
    to: "stream.delivered = Math.min(stream.delivered, through - 1);\n    const fresh",
  },
  {
    defect: "omitted offsets in calm are taken for empty ones",
    file: "assemble.ts",
    from: "&&\n      frame.omitted.length === 0",
    to: "",
  },
  {
    defect: "omitted offsets in unrest are taken for empty ones",
    file: "heldFrames.ts",
    from: "for (const omitted of frame.omitted)",
    to: "for (const omitted of [] as number[])",
  },
  {
    defect: "heads are ignored",
    file: "assemble.ts",
    from: "else this.#onHeads(frame);",
    to: "",
  },
  {
    defect: "silence of the bus is never noticed",
    file: "forwardReading.ts",
    from: "stream.silentTicks >= overdueTicks",
    to: "stream.silentTicks < 0",
  },
  {
    defect: "a stream never returns to the bus",
    file: "forwardReading.ts",
    from: "stream.servedTicks >= servedTicks",
    to: "stream.servedTicks < 0",
  },
  {
    defect: "what is lost is taken for empty",
    file: "logAnswers.ts",
    from: "this.#handover.gap(stream, lost, result.reason);",
    to: "this.#handover.deliver(stream, [], lost, undefined);",
  },
  {
    defect: "a gap covers frames that are at hand",
    file: "logAnswers.ts",
    from: "Math.min(result.through, through, stream.held.first?.after ?? through)",
    to: "Math.max(result.through, stream.known)",
  },
  {
    defect: "a truncation is taken for the end of the log",
    file: "logAnswers.ts",
    from: "else this.#truncated(stream, result.next);",
    to: "else this.#nothing(stream, after, claimed);",
  },
  {
    defect: "after a truncation frames of the old epoch are still listened to",
    file: "forwardReading.ts",
    from: 'stream.mode = cause === "truncated" ? "distrust" : "forward";',
    to: 'stream.mode = "forward";',
  },
  {
    defect: "a new leader's log is taken to go on from what was delivered",
    file: "streamState.ts",
    from: "return epoch !== undefined && leaderEpoch !== undefined && epoch > leaderEpoch;",
    to: "return false;",
  },
  {
    defect: "reads of the log do not say what they go on from",
    file: "logReader.ts",
    from: "epoch: after === stream.delivered ? stream.leaderEpoch : undefined,",
    to: "",
  },
  {
    defect: "a leader is taken for that of offsets which nobody has seen",
    file: "handover.ts",
    from: "stream.leaderEpoch = undefined;",
    to: "",
  },
  {
    defect: "an unreadable stretch swallows what follows it",
    file: "unreadableStretch.ts",
    from: "this.#good - this.#bad <= 1 ? this.#good : undefined",
    to: "this.#good - this.#bad <= 100 ? this.#good : undefined",
  },
  {
    defect: "an unreadable stretch is tried for ever",
    file: "logAnswers.ts",
    from: "stream.unreadableTries < limits.unreadableTriesMax",
    to: "stream.unreadableTries >= 0",
  },
  {
    defect: "an unavailable log is taken for an unreadable one",
    file: "logAnswers.ts",
    from: 'if (error.code === "log_unavailable") {',
    to: 'if (stream.mode === "gone") {',
  },
  {
    defect: "an unavailable log is not asked again",
    file: "logAnswers.ts",
    from: "pauses.beforeRetry(stream, stream.unavailableTries, () => readAgain(stream));",
    to: 'stream.job = "waiting";',
  },
  {
    defect: "a stream's end is not told",
    file: "logAnswers.ts",
    from: "this.#options.gone(stream, result.isEndUnknown === true, isComplete);",
    to: "",
  },
  {
    defect: "the limit of held bytes is not kept",
    file: "heldFrames.ts",
    from: "if (this.#bytes + bytes > this.#bytesMax) return false;",
    to: "",
  },
  {
    defect: "held frames are not delivered after a repair",
    file: "heldFrames.ts",
    from: "if (count === 0) return NONE;",
    to: "if (count >= 0) { this.#pieces.splice(0, count).forEach((piece) => this.#free(bytesOf(piece))); return NONE; }",
  },
  {
    defect: "what was dropped for want of room is forgotten",
    file: "streamState.ts",
    from: "return this.known > this.delivered ? this.known : undefined;",
    to: "return undefined;",
  },
  {
    defect: "handlers are called after close",
    file: "assemble.ts",
    from: "if (this.#closed) return;\n    if (frame.kind",
    to: "if (frame.kind",
  },
];

/** Most defects show within a few seeds, a frame of an old epoch that comes late only after thousands. */
const SEEDS_MAX = 20_000;
let directory = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "shardcast-mutants-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe("the simulation fails when", () => {
  MUTANTS.forEach((mutant, index) => {
    test(
      mutant.defect,
      async () => {
        const Mutated = await load(mutant, index);
        let failure: string | undefined;
        for (let seed = 1; seed <= SEEDS_MAX && failure === undefined; seed++) {
          failure = (await simulate(seed, (options) => new Mutated(options))).failure;
        }
        expect(failure).toBeString();
      },
      { timeout: 120_000 },
    );
  });
});

/** Copies the assembly with the defect in it and loads the copy. */
async function load(mutant: Mutant, index: number): Promise<typeof Assembler> {
  const copy = join(directory, `${index}`);
  await mkdir(copy);
  for (const name of SOURCES) {
    let text = await Bun.file(join(import.meta.dir, name)).text();
    if (name === mutant.file) {
      const parts = text.split(mutant.from);
      // A mutant that no longer fits the source would pass for one that was never planted.
      if (parts.length !== 2) throw new Error(`"${mutant.from}" stands ${parts.length - 1} times in ${name}`);
      text = parts.join(mutant.to);
    }
    const absolute = text.replace(/from "(\.\.\/|@)([^"]+)"/g, (_, start: string, rest: string) => {
      return `from "${Bun.resolveSync(start + rest, import.meta.dir)}"`;
    });
    await Bun.write(join(copy, name), absolute);
  }
  const loaded: { readonly Assembler: typeof Assembler } = await import(join(copy, "assemble.ts"));
  return loaded.Assembler;
}
