import { expect, test } from "bun:test";
import { addressesCheck } from "./addressesCheck.ts";

function check(hidden: boolean, trustedProxies: readonly string[], perAddress: number | "auto") {
  return addressesCheck({
    acceptsPerSecondPerAddress: perAddress,
    addresses: { hidden, trustedProxies },
  });
}

test("where addresses are hidden, health says that the limits per address are off", () => {
  expect(check(true, [], "auto")).toMatchObject({ status: "ok", value: "hidden", limit: "none" });
  expect(check(true, [], "auto").message).toContain("off");
});

test("health says whose address is taken, and what limits it", () => {
  expect(check(false, [], 5)).toEqual({ status: "ok", value: "socket", limit: "5/s" });
  expect(check(false, ["10.0.0.1"], 0)).toEqual({ status: "ok", value: "forwarded", limit: "none" });
  expect(check(false, [], "auto").message).toContain("private addresses");
});
