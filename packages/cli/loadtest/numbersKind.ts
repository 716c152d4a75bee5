import type { Kind } from "@shardcast/server/config/kinds";
import { z } from "zod";

/** `atSeconds=10,share=0.5`: named numbers, each of which must be there. */
export function numbers<const Name extends string>(names: readonly Name[]): Kind<Record<Name, number>> {
  const shape = Object.fromEntries(names.map((name) => [name, z.number().min(0).max(1e9)]));
  return {
    schema: z.strictObject(shape) as unknown as z.ZodType<Record<Name, number>>,
    placeholder: `<${names.map((name) => `${name}=n`).join(",")}>`,
    expects: `${names.join(", ")}, each with a number: ${names.map((name) => `${name}=1`).join(",")}`,
    fromText: (texts) => pairsOf(texts.at(-1) ?? ""),
    repeatable: false,
    isSwitch: false,
  };
}

function pairsOf(text: string): unknown {
  // What names nothing stays as it was written, so that it can be told.
  if (!text.includes("=")) return text;
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [name = "", value = ""] = pair.split("=");
      return [name.trim(), value === "" ? value : Number(value)];
    }),
  );
}
