import { FFIType, ptr } from "bun:ffi";
import { openLibc } from "../libc.ts";

/** What the kernel may hold unsent for one client, in bytes: enough for any line at one message's pace. */
const KERNEL_BYTES = { min: 16 * 1024, max: 128 * 1024 } as const;

/** Of `linux/tcp.h`. */
const IPPROTO_TCP = 6;
const TCP_NOTSENT_LOWAT = 25;

/** The part of a client's byte budget that is spent in the kernel. */
export function kernelShareOf(budgetBytes: number): number {
  return Math.max(KERNEL_BYTES.min, Math.min(KERNEL_BYTES.max, Math.floor(budgetBytes / 4)));
}

/**
 * Bounds what the kernel takes from this process for each client of a listening socket and has not sent yet. Without it a stalled client
 * fills its send buffer up to the maximum of `net.ipv4.tcp_wmem`, 4 MB as a rule, before this process notices anything.
 * The bound is not on what is under way, so a long line stays as fast as it was. Accepted connections inherit it from the
 * listening one. Returns whether it holds: only on Linux.
 */
export function limitKernelBuffers(descriptors: readonly number[], bytesMax: number): boolean {
  const setOption = descriptors.length === 0 ? undefined : openSetOption();
  if (setOption === undefined) return false;
  return descriptors.every((descriptor) => setOption(descriptor, bytesMax));
}

function openSetOption(): ((descriptor: number, value: number) => boolean) | undefined {
  const libc = openLibc({
    setsockopt: {
      args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u32],
      returns: FFIType.i32,
    },
  });
  return (
    libc &&
    ((descriptor, value) => {
      const bytes = new Int32Array([value]);
      return libc.setsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, ptr(bytes), bytes.byteLength) === 0;
    })
  );
}
