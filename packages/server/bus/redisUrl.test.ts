import { describe, expect, test } from "bun:test";
import { parseRedisUrl } from "./redisUrl.ts";

describe("the URL of a bus on Redis", () => {
  test.each([
    ["redis://h", { isTls: false, hosts: [{ host: "h", port: 6379 }] }],
    ["rediss://h:7000/0", { isTls: true, hosts: [{ host: "h", port: 7000 }] }],
    ["redis://[::1]:1", { isTls: false, hosts: [{ host: "::1", port: 1 }] }],
    [
      "redis://us%40er:p%3Aw@h/",
      { isTls: false, hosts: [{ host: "h", port: 6379 }], username: "us@er", password: "p:w" },
    ],
    ["redis://:a:b/#?@h", { isTls: false, hosts: [{ host: "h", port: 6379 }], password: "a:b/#?" }],
    ["redis://alice@h", { isTls: false, hosts: [{ host: "h", port: 6379 }], username: "alice" }],
    [
      "rediss+sentinel://u:p@a,b:2/main",
      {
        isTls: true,
        hosts: [
          { host: "a", port: 26_379 },
          { host: "b", port: 2 },
        ],
        masterName: "main",
        username: "u",
        password: "p",
      },
    ],
  ])("%s is read", (url, target) => {
    expect(parseRedisUrl(url)).toEqual({ target });
  });

  test.each([
    ["redis:h", "expected redis://host:port"],
    ["redis://", "expected a host"],
    ["redis://h:0", "expected a host"],
    ["redis://h:65536", "expected a host"],
    ["redis://u:geheim@x@h", "expected redis://host:port"],
    ["redis://u:%geheim@h", "percent-encoded"],
    ["redis://h/3", "no database numbers"],
    ["redis://a,b", "takes one host"],
    ["redis://h?password=geheim", "takes no parameters"],
    ["redis+sentinel://a,b", "name of the master"],
    ["redis+sentinel://a,,b/m", "expected a host"],
  ])("%s is refused, and the fault repeats nothing of it", (url, fault) => {
    const parsed = parseRedisUrl(url);
    expect(parsed).toMatchObject({ fault: expect.stringContaining(fault) });
    expect(JSON.stringify(parsed)).not.toContain("geheim");
  });
});
