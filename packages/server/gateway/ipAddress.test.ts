import { expect, test } from "bun:test";
import { addressBytes, addressKey } from "./ipAddress.ts";
import { Networks, networkFault, PRIVATE_NETWORKS } from "./networks.ts";

const bytes = (text: string) => addressBytes(text) ?? new Uint8Array();

test("an address is the same however it is written", () => {
  expect(bytes("::ffff:10.0.0.1")).toEqual(bytes("10.0.0.1"));
  expect(bytes("::ffff:a00:1")).toEqual(bytes("10.0.0.1"));
  expect(bytes("2001:DB8::1")).toEqual(bytes("2001:db8:0:0:0:0:0:1"));
  expect(bytes("fe80::1%eth0")).toEqual(bytes("fe80::1"));
  expect(bytes("1::")).toEqual(bytes("1:0:0:0:0:0:0:0"));
  expect([...bytes("1:2:3:4:5:6:7:8")]).toEqual([0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]);
});

test("what is no address is none", () => {
  for (const text of ["", "x", "1.2.3", "1.2.3.4.5", "1.2.3.256", ":::", "1:2", "unknown", "1.2.3.4:80"])
    expect(addressBytes(text)).toBeUndefined();
});

test("limits count an IPv4 address, and the /64 of an IPv6 one", () => {
  expect(addressKey(bytes("::ffff:192.0.2.7"))).toBe("192.0.2.7");
  expect(addressKey(bytes("2001:db8:1:2:ffff::1"))).toBe(addressKey(bytes("2001:db8:1:2::9")));
  expect(addressKey(bytes("2001:db8:1:3::9"))).not.toBe(addressKey(bytes("2001:db8:1:2::9")));
});

test("a network holds the addresses that begin as it does", () => {
  const networks = new Networks(["192.0.2.128/25", "2001:db8::/33", "203.0.113.9"]);
  const isIn = (text: string) => networks.has(bytes(text));
  expect([isIn("192.0.2.128"), isIn("::ffff:192.0.2.255"), isIn("192.0.2.127")]).toEqual([true, true, false]);
  expect([isIn("2001:db8:7fff::1"), isIn("2001:db8:8000::1")]).toEqual([true, false]);
  expect([isIn("203.0.113.9"), isIn("203.0.113.8")]).toEqual([true, false]);
  expect(new Networks(["0.0.0.0/0"]).has(bytes("8.8.8.8"))).toBe(true);
  expect(new Networks(["0.0.0.0/0"]).has(bytes("2001:db8::1"))).toBe(false);
  expect(new Networks(["::/0"]).has(bytes("8.8.8.8"))).toBe(true);
});

test("private addresses are told from those of the internet", () => {
  const isPrivate = (text: string) => PRIVATE_NETWORKS.has(bytes(text));
  for (const text of ["10.1.2.3", "172.31.0.1", "127.0.0.1", "::1", "fd00::1", "100.64.0.1"])
    expect(isPrivate(text)).toBe(true);
  for (const text of ["172.32.0.1", "8.8.8.8", "2001:4860::1", "100.128.0.1"])
    expect(isPrivate(text)).toBe(false);
});

test("what is no network is refused, with what would be one", () => {
  for (const text of ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8/8", "::/129", "10.0.0/8", "10.0.0.0/-1"])
    expect(networkFault(text)).toContain("10.0.0.0/8");
  expect(networkFault("fd00::/8")).toBeUndefined();
});
