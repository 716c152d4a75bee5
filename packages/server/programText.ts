import { FFIType } from "bun:ffi";
import { readFileSync, readlinkSync } from "node:fs";
import { openLibc } from "./libc.ts";

const MADV_DONTNEED = 4;
/** A start is over by then. */
const FIRST_MS = 10_000;
/** What the compilers of hot code touch comes later, with load. */
const INTERVAL_MS = 60_000;

/**
 * Lets go of the runtime's own program again and again, of which a start touches 40 MB that are hardly run again: parsers,
 * compilers, tables. They would count as this process's for good, once for each process. What it does need it maps
 * again from the kernel's cache when it runs into it: some 500 page faults, once a minute.
 */
export function keepProgramTextSmall(): void {
  setTimeout(() => {
    const release = openRelease();
    if (release === undefined) return;
    release();
    setInterval(release, INTERVAL_MS).unref();
  }, FIRST_MS).unref();
}

/** Undefined where the system has no such thing. */
export function openRelease(): (() => boolean) | undefined {
  const stretches = process.platform === "linux" ? cleanStretches() : [];
  const advise = stretches.length === 0 ? undefined : openAdvise();
  if (advise === undefined) return undefined;
  return () => stretches.every(({ start, length }) => advise(start, length));
}

interface Stretch {
  readonly start: bigint;
  readonly length: bigint;
}

/** Only those are safe of which no page was written to, ever: what the linker has filled in would be lost. */
function cleanStretches(): Stretch[] {
  const program = readlinkSync("/proc/self/exe");
  const entries = readFileSync("/proc/self/smaps", "latin1").split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/);
  return entries.flatMap((entry) => {
    const [, from, to, file] = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ \d+ +(.*)/.exec(entry) ?? [];
    if (from === undefined || to === undefined || file !== program) return [];
    if (!/^Anonymous: +0 kB$/m.test(entry) || !/^Private_Dirty: +0 kB$/m.test(entry)) return [];
    const start = BigInt(`0x${from}`);
    return [{ start, length: BigInt(`0x${to}`) - start }];
  });
}

function openAdvise(): ((start: bigint, length: bigint) => boolean) | undefined {
  const libc = openLibc({
    madvise: { args: [FFIType.u64, FFIType.u64, FFIType.i32], returns: FFIType.i32 },
  });
  return libc && ((start, length) => libc.madvise(start, length, MADV_DONTNEED) === 0);
}
