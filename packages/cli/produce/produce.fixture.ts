import type { Row } from "./row.ts";

const encoder = new TextEncoder();

/** A text as a stream of bytes, cut into chunks of the given size. */
export async function* chunksOf(text: string | Uint8Array, chunkBytes = 7): AsyncGenerator<Uint8Array> {
  const bytes = typeof text === "string" ? encoder.encode(text) : text;
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

export function rowOf(value: unknown): Row {
  return { where: "line 1", json: JSON.stringify(value), value };
}

/** Where the real records of the tests are. */
export function dataSet(name: string): string {
  return new URL(`../../../node_modules/vega-datasets/data/${name}`, import.meta.url).pathname;
}
