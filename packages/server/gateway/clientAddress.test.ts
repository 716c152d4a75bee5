import { expect, test } from "bun:test";
import { ClientAddresses } from "./clientAddress.ts";

const PROXY = "10.0.0.1";

function addressOf(socket: string, forwardedFor?: string, trustedProxies = ["10.0.0.0/8"]) {
  const addresses = new ClientAddresses({ trustedProxies, hidden: false });
  const headers = new Headers(forwardedFor === undefined ? {} : { "X-Forwarded-For": forwardedFor });
  return { key: addresses.of(socket, headers)?.key, unnamed: addresses.unnamed };
}

test("without trusted proxies the socket's address counts, whatever a client says of itself", () => {
  expect(addressOf("192.0.2.1", "203.0.113.9", []).key).toBe("192.0.2.1");
});

test("the word of an untrusted peer is not taken", () => {
  expect(addressOf("192.0.2.1", "203.0.113.9").key).toBe("192.0.2.1");
});

test("behind proxies the first address from the right that is none of theirs counts", () => {
  expect(addressOf(PROXY, "203.0.113.9").key).toBe("203.0.113.9");
  expect(addressOf(PROXY, "203.0.113.9, 10.0.0.7").key).toBe("203.0.113.9");
  // What the client has put there itself stands further left.
  expect(addressOf(PROXY, "8.8.8.8, 203.0.113.9,10.0.0.7").key).toBe("203.0.113.9");
  expect(addressOf(PROXY, "garbage, 203.0.113.9").key).toBe("203.0.113.9");
  expect(addressOf(PROXY, "203.0.113.9:4711").key).toBe("203.0.113.9");
  expect(addressOf(PROXY, "[2001:db8:1:2::3]:4711").key).toBe("2001:db8:1:2::/64");
  expect(addressOf(`::ffff:${PROXY}`, "203.0.113.9").key).toBe("203.0.113.9");
});

test("a client within the trusted networks is the leftmost of them", () => {
  expect(addressOf(PROXY, "10.9.9.9, 10.0.0.7").key).toBe("10.9.9.9");
});

test("a trusted proxy that names nobody is counted, and its clients are not taken for one", () => {
  expect(addressOf(PROXY)).toEqual({ key: undefined, unnamed: 1 });
  expect(addressOf(PROXY, "")).toEqual({ key: undefined, unnamed: 1 });
  expect(addressOf(PROXY, "203.0.113.9, unknown")).toEqual({ key: undefined, unnamed: 1 });
});

test("hidden addresses are none", () => {
  const addresses = new ClientAddresses({ trustedProxies: [], hidden: true });
  expect(addresses.of("192.0.2.1", new Headers())).toBeUndefined();
  expect(addresses.unnamed).toBe(0);
});
