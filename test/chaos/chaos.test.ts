import { describe, expect, test } from "bun:test";
import { haproxyAvailable } from "../services/haproxy.ts";
import { kafkaAvailable } from "../services/kafka.ts";
import { natsAvailable } from "../services/nats.ts";
import { redisAvailable } from "../services/redis.ts";
import { runChaos } from "./chaos.ts";
import { FAULTS } from "./faults.ts";
import { frameFilter } from "./frameFaults.ts";
import { Books, Ledger } from "./ledger.ts";

const TEST_MS = 600_000;
const available = kafkaAvailable() && haproxyAvailable();
const BUSES = [
  { bus: "redis", isThere: available && redisAvailable() },
  { bus: "nats", isThere: available && natsAvailable() },
] as const;

for (const { bus, isThere } of BUSES) {
  describe.skipIf(!isThere)(`chaos on ${bus}`, () => {
    test(
      "each fault once, and every client has every record, once and in order",
      async () => {
        const lines: string[] = [];
        const onLine = (line: string) => void lines.push(line);
        const report = await runChaos({
          ...{
            bus,
            seed: 20_261_125,
            faults: "each",
            sdkClients: 60,
            rawClients: 20,
            recordsPerSecond: 60,
            onLine,
          },
        });
        const { violations, gaps, behind, logFault } = report;
        if (violations.length + gaps.length + behind.length > 0) console.error(lines.join("\n"));
        expect({ violations, gaps, behind, logFault }).toEqual({
          ...{ violations: [], gaps: [], behind: [], logFault: undefined },
        });
        expect(report.faults.length).toBe(Object.keys(FAULTS).length);
        expect(report.deliveries).toBeGreaterThan(report.records);
        expect(report.reconnects).toBeGreaterThan(0);
      },
      TEST_MS,
    );
  });
}

describe("what judges the chaos", () => {
  const CHANNEL = "key.chaos";

  function ledger(): { ledger: Ledger; books: Books } {
    const books = new Books();
    return { books, ledger: new Ledger("client", [CHANNEL], books) };
  }

  test("a record that is missing, repeated or late is a violation", () => {
    const { ledger: own, books } = ledger();
    for (const n of [0, 1, 3, 2]) own.message(CHANNEL, { n }, Date.now());
    expect(books.violations).toMatchObject([
      { kind: "missing", expected: 2, got: 3 },
      { kind: "repeated", expected: 4, got: 2 },
    ]);
  });

  test("an explicit gap allows one jump, and is told", () => {
    const { ledger: own, books } = ledger();
    own.message(CHANNEL, { n: 0 }, Date.now());
    own.gap(CHANNEL, "retention");
    for (const n of [5, 6, 8]) own.message(CHANNEL, { n }, Date.now());
    expect(books.gaps).toHaveLength(1);
    expect(books.violations).toMatchObject([{ kind: "missing", expected: 7, got: 8 }]);
  });

  test("who did not get all is behind", () => {
    const { ledger: own } = ledger();
    own.message(CHANNEL, { n: 0 }, Date.now());
    expect(own.behind(new Map([[CHANNEL, 1]]))).toEqual([]);
    expect(own.behind(new Map([[CHANNEL, 2]]))).toHaveLength(1);
  });

  test("frames are lost and repeated whole, however the bytes are cut, and all else passes", () => {
    const redis = ["+OK\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\na\r\nb\r\n", ":1\r\n"];
    const push = ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n";
    const nats = ["INFO {}\r\n", "MSG s.f 1 4\r\na\r\nb\r\n", "PONG\r\n"];
    for (const [bus, elements, message] of [
      ["redis", [...redis, push], redis[1]],
      ["nats", nats, nats[1]],
    ] as const) {
      const bytes = Buffer.from(elements.join(""));
      for (let cut = 0; cut <= bytes.length; cut++) {
        const pass = (drop: number, repeat: number) => {
          const out: Buffer[] = [];
          const filter = frameFilter(bus, { drop, repeat, random: () => 0.5 });
          for (const part of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
            if (part.length > 0) filter(part, (element) => out.push(element));
          }
          return Buffer.concat(out).toString();
        };
        expect(pass(0, 0)).toBe(elements.join(""));
        const others = elements.filter((element) => element !== message && element !== push);
        expect(pass(1, 0)).toBe(others.join(""));
        expect(pass(0, 1).split(message ?? "")).toHaveLength(3);
      }
    }
  });
});
