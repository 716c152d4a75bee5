import { isIP } from "node:net";

/**
 * An address as its 16 bytes; IPv4 in the way that IPv6 maps it, so that `::ffff:10.0.0.1`, which a socket that serves
 * both tells, is the same as `10.0.0.1`. Undefined for what is no address.
 */
export function addressBytes(text: string): Uint8Array | undefined {
  const [plain = ""] = text.split("%", 1);
  const family = isIP(plain);
  if (family === 0) return undefined;
  const bytes = new Uint8Array(16);
  if (family === 4) {
    bytes.set([...MAPPED_PREFIX, ...plain.split(".").map(Number)]);
    return bytes;
  }
  const [head = "", tail] = withoutDots(plain).split("::", 2);
  const first = groupsOf(head);
  const last = groupsOf(tail ?? "");
  for (const [index, group] of first.entries()) setGroup(bytes, index, group);
  for (const [index, group] of last.entries()) setGroup(bytes, 8 - last.length + index, group);
  return bytes;
}

/** Whether these are the bytes of an IPv4 address. */
export function isIpv4(bytes: Uint8Array): boolean {
  return MAPPED_PREFIX.every((byte, index) => bytes[index] === byte);
}

/**
 * What one limit counts as one client: an IPv4 address, or the /64 of an IPv6 one, because whoever has one address of
 * that has all of them.
 */
export function addressKey(bytes: Uint8Array): string {
  if (isIpv4(bytes)) return bytes.subarray(12).join(".");
  const groups = Array.from({ length: 4 }, (_, at) =>
    (((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0)).toString(16),
  );
  return `${groups.join(":")}::/64`;
}

const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** Writes an IPv4 address at the end of an IPv6 one as the two groups that it stands for. */
function withoutDots(text: string): string {
  const at = text.lastIndexOf(":") + 1;
  const dotted = text.slice(at);
  if (!dotted.includes(".")) return text;
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split(".").map(Number);
  return `${text.slice(0, at)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

function groupsOf(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

function setGroup(bytes: Uint8Array, index: number, group: number): void {
  bytes[2 * index] = group >> 8;
  bytes[2 * index + 1] = group & 0xff;
}
