import { FFIType, ptr } from "bun:ffi";
import { openLibc } from "../libc.ts";

/** As many as the system allows (`net.core.somaxconn`, 4096 as a rule). The transport asks for 512. */
const LENGTH_MAX = 65_535;

/** Of Linux' headers: the same on x86-64 and arm64, of `tcp_info` the bytes at which these begin. */
const O_CLOEXEC = 0o2000000;
const F_DUPFD_CLOEXEC = 1030;
const AF_INET = 2;
const SOCK_STREAM = 1;
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
const TCP_INFO_BYTES = 32;
const TCP_INFO_UNACKED = 24;
const TCP_INFO_SACKED = 28;

const { i32, ptr: pointer } = FFIType;

/**
 * The kernel's queue of connections to listening sockets that have not been accepted yet. The transport empties it in one piece
 * and has no way to be stopped there, so that a crowd which comes as fast as that goes would have all the time of a shard.
 * While the queue is held, the sockets' descriptors stand for one that has no connections: `accept` fails, the piece
 * ends, and those who come wait in the kernel. The kernel drops whom it has no room for, and they ask again after a second.
 */
export class AcceptQueue {
  readonly #libc: Libc;
  /** None once it is closed: then they may be somebody else's. */
  #descriptors: readonly number[];
  /** Never listens. */
  readonly #idle: number;
  /** What stands for the listening sockets while they are held, in the order of their descriptors. */
  #held: readonly number[] | undefined = undefined;

  private constructor(libc: Libc, descriptors: readonly number[], idle: number) {
    this.#libc = libc;
    this.#descriptors = descriptors;
    this.#idle = idle;
  }

  /** Undefined where nothing can be held: but on Linux. It becomes as long as it may be. */
  static of(descriptors: readonly number[]): AcceptQueue | undefined {
    const libc = descriptors.length === 0 ? undefined : open();
    if (libc === undefined) return undefined;
    const idle = libc.socket(AF_INET, SOCK_STREAM | O_CLOEXEC, 0);
    if (idle < 0) return undefined;
    for (const descriptor of descriptors) libc.listen(descriptor, LENGTH_MAX);
    return new AcceptQueue(libc, descriptors, idle);
  }

  /** Connections that wait in it, and how many may. */
  get length(): { readonly now: number; readonly max: number } {
    const info = new DataView(new ArrayBuffer(TCP_INFO_BYTES));
    const size = new Uint32Array(1);
    const sum = { now: 0, max: 0 };
    for (const descriptor of this.#held ?? this.#descriptors) {
      size[0] = TCP_INFO_BYTES;
      if (this.#libc.getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, ptr(info), ptr(size)) < 0) continue;
      sum.now += info.getUint32(TCP_INFO_UNACKED, true);
      sum.max += info.getUint32(TCP_INFO_SACKED, true);
    }
    return sum;
  }

  hold(): void {
    if (this.#held !== undefined || this.#descriptors.length === 0) return;
    const { fcntl, dup3 } = this.#libc;
    const held = this.#descriptors.map((descriptor) => fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    // No descriptor is left, and the transport can accept nobody either.
    if (held.some((copy) => copy < 0)) return this.#close(held);
    this.#held = held;
    for (const descriptor of this.#descriptors) dup3(this.#idle, descriptor, O_CLOEXEC);
  }

  release(): void {
    if (this.#held === undefined) return;
    for (const [at, copy] of this.#held.entries()) {
      this.#libc.dup3(copy, this.#descriptors[at] ?? copy, O_CLOEXEC);
    }
    this.#close(this.#held);
    this.#held = undefined;
  }

  /** Before the transport closes its sockets: it must find them, and nothing else may keep them open. */
  close(): void {
    if (this.#descriptors.length === 0) return;
    this.release();
    this.#close([this.#idle]);
    this.#descriptors = [];
  }

  #close(descriptors: readonly number[]): void {
    for (const descriptor of descriptors) if (descriptor >= 0) this.#libc.close(descriptor);
  }
}

type Libc = NonNullable<ReturnType<typeof open>>;

function open() {
  return openLibc({
    fcntl: { args: [i32, i32, i32], returns: i32 },
    dup3: { args: [i32, i32, i32], returns: i32 },
    close: { args: [i32], returns: i32 },
    listen: { args: [i32, i32], returns: i32 },
    socket: { args: [i32, i32, i32], returns: i32 },
    getsockopt: { args: [i32, i32, i32, pointer, pointer], returns: i32 },
  });
}
