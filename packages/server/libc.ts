import { dlopen, type FFIFunction } from "bun:ffi";

/** The C libraries of glibc's and musl's distributions. */
const LIBRARIES = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];

/** Functions of the system's C library; undefined where none of those that are known is there. */
export function openLibc<Fns extends Record<string, FFIFunction>>(functions: Fns) {
  for (const library of LIBRARIES) {
    try {
      return dlopen(library, functions).symbols;
    } catch {
      // Another distribution's: the next one is tried, and the caller is told when there is none.
    }
  }
  return undefined;
}
