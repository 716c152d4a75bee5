import { z } from "zod";

/**
 * How one sort of setting is written and checked. A config file gives typed values straight to `schema`; a flag or an
 * environment variable gives texts, which `fromText` turns into what the schema then judges.
 */
export interface Kind<T> {
  readonly schema: z.ZodType<T>;
  /** Stands for the value in help: `<n>`. Empty for a switch. */
  readonly placeholder: string;
  /** Completes "expected …". */
  readonly expects: string;
  /** All occurrences of a flag, or the one text of a variable. What it cannot read it returns as it is. */
  readonly fromText: (texts: readonly string[]) => unknown;
  /** A flag that may stand several times. */
  readonly repeatable: boolean;
  /** A flag that needs no value. */
  readonly isSwitch: boolean;
  /** The text names a file; one from a config file is relative to that. `contents`: the value is what it holds. */
  readonly file?: "path" | "contents";
  readonly unit?: "bytes";
}

const single = { repeatable: false, isSwitch: false, fromText: last };

export function text(expects: string, pattern: RegExp, placeholder = "<text>"): Kind<string> {
  return { ...single, schema: z.string().regex(pattern), placeholder, expects };
}

export function choice<const T extends string>(values: readonly T[]): Kind<T> {
  return {
    ...single,
    schema: z.enum(values),
    placeholder: values.join("|"),
    expects: `one of ${values.join(", ")}`,
  };
}

export function path(): Kind<string> {
  return {
    ...single,
    schema: z.string().min(1),
    placeholder: "<path>",
    expects: "the path of a file",
    file: "path",
  };
}

export function fileContents(): Kind<string> {
  return { ...path(), file: "contents" };
}

export function integer(min: number, max: number): Kind<number> {
  return {
    ...single,
    schema: z.int().min(min).max(max),
    placeholder: "<n>",
    expects: `a whole number from ${min} to ${max}`,
    fromText: (texts) => wholeNumber(last(texts)),
  };
}

const UNITS: Readonly<Record<string, number>> = { "": 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** A number of bytes, which people may write as `64KiB`, also in a config file. */
export function bytes(min: number, max: number): Kind<number> {
  return {
    ...single,
    schema: z.preprocess(bytesOf, z.int().min(min).max(max)),
    placeholder: "<bytes>",
    expects: `bytes from ${formatBytes(min)} to ${formatBytes(max)}, such as 65536 or 64KiB`,
    unit: "bytes",
  };
}

function bytesOf(value: unknown): unknown {
  const match = typeof value === "string" ? /^([0-9]{1,15})(|KiB|MiB|GiB)$/.exec(value) : null;
  return match === null ? value : Number(match[1]) * (UNITS[match[2] ?? ""] ?? 1);
}

export function formatBytes(count: number): string {
  const unit = Object.keys(UNITS).findLast((name) => count > 0 && count % (UNITS[name] ?? 1) === 0) ?? "";
  return `${count / (UNITS[unit] ?? 1)}${unit}`;
}

/** A whole number of at least `min`, or `auto`. */
export function integerOrAuto(min: number, max: number): Kind<number | "auto"> {
  const number = integer(min, max);
  return {
    ...number,
    schema: z.union([z.literal("auto"), number.schema]),
    placeholder: "auto|<n>",
    expects: `auto, or ${number.expects}`,
  };
}

export function decimal(min: number, max: number): Kind<number> {
  return {
    ...single,
    schema: z.number().min(min).max(max),
    placeholder: "<n>",
    expects: `a number from ${min} to ${max}`,
    fromText: (texts) => {
      const raw = last(texts);
      return /^[0-9]{1,15}(\.[0-9]{1,9})?$/.test(raw) ? Number(raw) : raw;
    },
  };
}

const SWITCH_WORDS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["yes", true],
  ["on", true],
  ["false", false],
  ["0", false],
  ["no", false],
  ["off", false],
]);

export function flag(): Kind<boolean> {
  return {
    ...single,
    schema: z.boolean(),
    placeholder: "",
    expects: "true or false",
    isSwitch: true,
    fromText: (texts) => SWITCH_WORDS.get(last(texts).toLowerCase()) ?? last(texts),
  };
}

/** Entries separated by commas; a flag may also be repeated. A config file has a list, or the same text. */
export function list(
  expects: string,
  /** Its grammar, or what finds the fault in it. */
  entry: RegExp | ((value: string) => string | undefined),
  placeholder: string,
  max: number,
): Kind<readonly string[]> {
  const entries = z
    .array(entry instanceof RegExp ? z.string().regex(entry) : checked(entry))
    .min(1)
    .max(max)
    .refine((all) => new Set(all).size === all.length, "names the same entry twice");
  return {
    schema: z.preprocess((value) => (typeof value === "string" ? splitList([value]) : value), entries),
    placeholder,
    expects,
    fromText: splitList,
    repeatable: true,
    isSwitch: false,
  };
}

/** `name=value` entries, separated by commas in a variable; a flag is repeated. A config file has a map. */
export function map(options: {
  readonly expects: string;
  readonly name: RegExp;
  readonly value: (value: string) => string | undefined;
  readonly placeholder: string;
  readonly max: number;
}): Kind<Readonly<Record<string, string>>> {
  return {
    schema: z
      .record(z.string().regex(options.name), checked(options.value))
      .refine(
        (entries) => Object.keys(entries).length <= options.max,
        `holds more than ${options.max} entries`,
      ),
    placeholder: options.placeholder,
    expects: options.expects,
    fromText: (texts) => splitMap(splitList(texts)),
    repeatable: true,
    isSwitch: false,
  };
}

/** Any text that `check` finds no fault with; it says what the fault is. */
export function checkedText(
  expects: string,
  placeholder: string,
  check: (value: string) => string | undefined,
): Kind<string> {
  return { ...single, schema: checked(check), placeholder, expects };
}

function checked(check: (value: string) => string | undefined): z.ZodType<string> {
  return z.string().superRefine((value, context) => {
    const fault = check(value);
    if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
  });
}

function last(texts: readonly string[]): string {
  return texts.at(-1) ?? "";
}

function wholeNumber(raw: string): number | string {
  return /^[0-9]{1,15}$/.test(raw) ? Number(raw) : raw;
}

function splitList(texts: readonly string[]): string[] {
  const entries = texts.flatMap((one) => one.split(",")).map((entry) => entry.trim());
  // One trailing comma is a habit, not a mistake; an empty entry elsewhere stays, and the pattern refuses it.
  return entries.at(-1) === "" && entries.length > 1 ? entries.slice(0, -1) : entries;
}

function splitMap(entries: readonly string[]): unknown {
  const pairs: [string, string][] = [];
  for (const entry of entries) {
    const equals = entry.indexOf("=");
    if (equals < 1) return entry;
    const name = entry.slice(0, equals);
    if (pairs.some(([known]) => known === name)) return entries;
    pairs.push([name, entry.slice(equals + 1)]);
  }
  // Not an object literal with assignments: a topic may be called `__proto__`.
  return Object.fromEntries(pairs);
}
