export interface AddressRange {
  readonly first: number;
  readonly bits: number;
}

const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/** Reads `10.10.0.0/20`; undefined where it is no range, or its address is not the range's first. */
export function addressRange(text: string): AddressRange | undefined {
  const [address = "", length = ""] = text.split("/");
  const parts = address.split(".").map(Number);
  const bits = Number(length);
  if (parts.length !== 4 || !parts.every((part) => part >= 0 && part <= 255) || !(bits >= 0 && bits <= 32))
    return undefined;
  const first = parts.reduce((sum, part) => sum * 256 + part, 0);
  return first % size(bits) === 0 ? { first, bits } : undefined;
}

export function isPrivate(range: AddressRange): boolean {
  return PRIVATE.some((text) => {
    const whole = addressRange(text);
    return whole !== undefined && holds(whole, range);
  });
}

export function overlap(one: string, other: string): boolean {
  const [a, b] = [addressRange(one), addressRange(other)];
  return a !== undefined && b !== undefined && (holds(a, b) || holds(b, a));
}

function holds(outer: AddressRange, inner: AddressRange): boolean {
  return (
    outer.bits <= inner.bits && inner.first >= outer.first && inner.first < outer.first + size(outer.bits)
  );
}

function size(bits: number): number {
  return 2 ** (32 - bits);
}
