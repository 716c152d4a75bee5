import { describe, expect, test } from "bun:test";
import { parseNatsUrl } from "./natsUrl.ts";

describe("the URL of a bus on NATS", () => {
  test.each([
    ["nats://h", { isTls: false, servers: [{ host: "h", port: 4222 }] }],
    ["nats://h:1/", { isTls: false, servers: [{ host: "h", port: 1 }] }],
    ["tls://[::1]:4223", { isTls: true, servers: [{ host: "::1", port: 4223 }] }],
    ["nats://t%2Cken@h", { isTls: false, servers: [{ host: "h", port: 4222 }], token: "t,ken" }],
    [
      "nats://us%40er:p%3Aw@a:1,b:2,[::1]",
      {
        isTls: false,
        servers: [
          { host: "a", port: 1 },
          { host: "b", port: 2 },
          { host: "::1", port: 4222 },
        ],
        username: "us@er",
        password: "p:w",
      },
    ],
    [
      "tls://u:p@a,tls://u:p@b",
      {
        isTls: true,
        servers: [
          { host: "a", port: 4222 },
          { host: "b", port: 4222 },
        ],
        username: "u",
        password: "p",
      },
    ],
  ])("%s is read", (url, target) => {
    expect(parseNatsUrl(url)).toEqual({ target });
  });

  test.each([
    ["nats:h", "expected nats://host:port"],
    ["ws://h", "expected nats://host:port"],
    ["nats://", "expected host:port entries"],
    ["nats://h:0", "expected host:port entries"],
    ["nats://h:65536", "expected host:port entries"],
    ["nats://a,,b", "expected host:port entries"],
    ["nats://h/geheim", "expected host:port entries"],
    ["nats://h?tls=1", "expected host:port entries"],
    ["nats://u:%geheim@h", "percent-encoded"],
    ["nats://a,tls://b", "mixes"],
    ["nats://u:geheim@a,v:geheim@b", "two different logins"],
  ])("%s is refused", (url, fault) => {
    const parsed = parseNatsUrl(url);
    if (!("fault" in parsed)) throw new Error("it was taken");
    expect(parsed.fault).toContain(fault);
    expect(parsed.fault).not.toContain("geheim");
  });
});
