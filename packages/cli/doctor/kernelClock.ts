import { dlopen, FFIType, ptr } from "bun:ffi";

/** What adjtimex(2) returns while no time server steers the clock. */
const TIME_ERROR = 5;
/** More than `struct timex` has on any architecture. */
const TIMEX_BYTES = 512;

/** Whether the kernel's clock is steered by a time server: the kernel's own word, whichever program does it. */
export function readKernelClock(): boolean | undefined {
  try {
    const library = dlopen("libc.so.6", { adjtimex: { args: [FFIType.ptr], returns: FFIType.i32 } });
    try {
      // Modes are zero: it reads, and sets nothing.
      const state = library.symbols.adjtimex(ptr(new Uint8Array(TIMEX_BYTES)));
      return state < 0 ? undefined : state !== TIME_ERROR;
    } finally {
      library.close();
    }
  } catch {
    // Another C library than glibc, or no Linux: nothing is known.
    return undefined;
  }
}
