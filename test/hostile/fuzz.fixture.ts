import fc from "fast-check";

/** The same inputs at each run, unless told otherwise: `SHARDCAST_TEST_FUZZ_SEED=random`, or the seed of a failure. */
const given = process.env["SHARDCAST_TEST_FUZZ_SEED"] ?? "6455";
const SEED = given === "random" ? Date.now() % 2 ** 31 : Number(given);
/** How many times as many inputs: for a night. */
const FACTOR = Number(process.env["SHARDCAST_TEST_FUZZ_FACTOR"] ?? "1");
if (!Number.isSafeInteger(SEED) || !(FACTOR > 0))
  throw new Error(
    "SHARDCAST_TEST_FUZZ_SEED is an integer or `random`, SHARDCAST_TEST_FUZZ_FACTOR a number above 0",
  );
console.log(`fuzzing with SHARDCAST_TEST_FUZZ_SEED=${SEED} SHARDCAST_TEST_FUZZ_FACTOR=${FACTOR}`);

/** For `fc.assert`. A failure prints the seed and the smallest input. */
export function fuzzed(runs: number): fc.Parameters<unknown> {
  return { seed: SEED, numRuns: Math.ceil(runs * FACTOR) };
}

/** As many values of it as `fuzzed` would try. */
export function samples<T>(arbitrary: fc.Arbitrary<T>, runs: number): T[] {
  return fc.sample(arbitrary, fuzzed(runs) as fc.Parameters<T>);
}

/** What parsers stumble over. */
const ODD = [
  ...[
    "\0",
    "\r\n",
    "\n",
    "\t",
    " ",
    "{",
    "}",
    "[",
    '"',
    "\\",
    "..",
    ".*",
    "*",
    ":",
    ",",
    "=",
    "#",
    "&a *a",
    "%00",
    "%",
  ],
  ...[
    "\u{10ffff}",
    "\ud800",
    "\u2028",
    "\ufeff",
    "é",
    "-1",
    "1e309",
    "9007199254740993",
    "__proto__",
    "constructor",
    "null",
  ],
];

const change = fc.record({
  at: fc.nat(10_000),
  without: fc.nat(3),
  put: fc.oneof(fc.constantFrom(...ODD), fc.string({ unit: "binary", maxLength: 4 })),
});

/** One of the samples, as it is or with some changes. */
export function nearly(originals: readonly string[]): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...originals), fc.array(change, { maxLength: 4 }))
    .map(([original, changes]) =>
      changes.reduce((text, { at, without, put }) => {
        const place = at % (text.length + 1);
        return text.slice(0, place) + put + text.slice(place + without);
      }, original),
    );
}

/** Nearly one of the samples, or anything. */
export function textLike(originals: readonly string[]): fc.Arbitrary<string> {
  return fc.oneof({ weight: 3, arbitrary: nearly(originals) }, fc.string({ unit: "binary", maxLength: 200 }));
}

/** Nearly the bytes of one of the samples, or any. */
export function bytesLike(originals: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const changed = fc
    .tuple(
      fc.constantFrom(...originals),
      fc.array(fc.tuple(fc.nat(10_000), fc.nat(255)), { maxLength: 4 }),
      fc.double({ min: 0.3, max: 1, noNaN: true }),
    )
    .map(([original, changes, part]) => {
      const bytes = new Uint8Array(original);
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      return part > 0.8 ? bytes : bytes.subarray(0, Math.ceil(bytes.length * part));
    });
  return fc.oneof({ weight: 3, arbitrary: changed }, fc.uint8Array({ maxLength: 300 }));
}
