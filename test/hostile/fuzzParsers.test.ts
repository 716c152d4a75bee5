// Every parser of what others write: whatever comes, it gives a value or its own refusal, soon.
import { expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import { YAMLParseError } from "yaml";
import { ZodError } from "zod";
import { parseServerMessages } from "../../packages/client/parse.ts";
import { readScenario } from "../../packages/loadtest/scenario.ts";
import { parseCursor } from "../../packages/protocol/cursor.ts";
import { formatMark, joinSince, parseMark, shortenSince } from "../../packages/protocol/mark.ts";
import { PublishError, parsePublish } from "../../packages/server/admin/publishRequest.ts";
import { ApiKeys } from "../../packages/server/auth/apiKeys.ts";
import { Grant } from "../../packages/server/auth/grant.ts";
import { makeToken, SECRET } from "../../packages/server/auth/tokens.fixture.ts";
import { TokenVerifier } from "../../packages/server/auth/tokenVerifier.ts";
import { FrameError } from "../../packages/server/bus/frame.ts";
import { decodeFrame } from "../../packages/server/bus/frameCodec.ts";
import { ANNOUNCEMENT_BYTES_MAX, decodeAnnouncement } from "../../packages/server/cluster/announcement.ts";
import { load } from "../../packages/server/config/loadConfig.fixture.ts";
import { SETTINGS } from "../../packages/server/config/settings.ts";
import { parseEventRequest } from "../../packages/server/gateway/eventRequest.ts";
import { parseRequest } from "../../packages/server/gateway/requests.ts";
import { decodePeerMessage } from "../../packages/server/log/peerMessage.ts";
import { parseTemplate, TemplateError } from "../../packages/server/source/template.ts";
import { bytesLike, fuzzed, textLike } from "./fuzz.fixture.ts";
import { ANNOUNCEMENT, FRAMES, MARK, PEER_MESSAGES, REQUESTS, SERVER_MESSAGES } from "./originals.fixture.ts";

const RUNS = 3000;
/** Of one input; none has more than some hundred characters. */
const MS_MAX = 500;

function check<T>(arbitrary: fc.Arbitrary<T>, of: (input: T) => void, runs = RUNS): void {
  fc.assert(
    fc.property(arbitrary, (input) => {
      const begin = performance.now();
      of(input);
      expect(performance.now() - begin).toBeLessThan(MS_MAX);
    }),
    fuzzed(runs) as fc.Parameters<[T]>,
  );
}

/** Calls it; what it throws must be a refusal of its own. */
function refusesWith(call: () => unknown, ...refusals: ReadonlyArray<new (...args: never[]) => Error>): void {
  try {
    call();
  } catch (error) {
    if (!refusals.some((refusal) => error instanceof refusal)) throw error;
    expect(String((error as Error).message).length).toBeGreaterThan(0);
  }
}

test("cursors and marks, alone and as a `since`", () => {
  check(textLike(["k3f9abc:991", "0000000:0", "zzzzzzz:9007199254740991", MARK, "m", "m~"]), (text) => {
    const cursor = parseCursor(text);
    if (cursor !== undefined) expect(Number.isSafeInteger(cursor.offset)).toBe(true);
    const mark = parseMark(text);
    // A mark's text is opaque, its meaning is not: written again it means the same.
    if (mark !== undefined) expect(parseMark(formatMark(mark))).toEqual(mark);
    const joined = joinSince([MARK, text]);
    expect("invalid" in joined).toBe(cursor === undefined && mark === undefined && text !== "m~");
    shortenSince([text, MARK]);
  });
});

test("templates of channels", () => {
  check(textLike(["{key}.{topic}", "{value.a.b}.{header.X}", "a.{partition}"]), (text) => {
    refusesWith(() => parseTemplate(text), TemplateError);
  });
});

test("frames of the bus, announcements, and what instances say of their memories", () => {
  check(bytesLike(FRAMES), (bytes) => refusesWith(() => decodeFrame(bytes), FrameError), 3 * RUNS);
  check(bytesLike([ANNOUNCEMENT]), (bytes) => void decodeAnnouncement(bytes));
  check(bytesLike(PEER_MESSAGES), (bytes) => void decodePeerMessage(bytes));
  expect(decodeAnnouncement(Buffer.alloc(ANNOUNCEMENT_BYTES_MAX, "["))).toBeUndefined();
});

test("requests of clients", () => {
  check(textLike(REQUESTS), (text) => {
    const request = parseRequest(text, 100);
    if (request.type === "refused") expect(request.message.length).toBeLessThan(300);
  });
  check(fc.json({ maxDepth: 6 }), (text) => void parseRequest(text, 100));
});

test("requests for event streams: query and `Last-Event-ID`", () => {
  const query = textLike([
    "channels=a,b.*&snapshot=true",
    "channels=a&since=k3f9abc:991",
    `channels=a&since=${MARK}`,
  ]);
  const id = textLike(["k3f9abc:991", MARK, `${MARK},k3f9abc:1`]).map((text) =>
    text.replace(/[^\x20-\xff]/g, ""),
  );
  check(fc.tuple(query, id), ([query, id]) => {
    const url = new URL(`http://x/sse?${query}`);
    const asked = parseEventRequest(new Request(url, { headers: { "Last-Event-ID": id } }), url, 100);
    // A browser can not change the position that it holds: that alone is never a reason to refuse.
    if ("code" in asked) expect(asked.code).toBe("bad_request");
  });
});

test("bodies of publish requests", () => {
  const bodies = [
    '{"channel":"a.b","data":{"x":[1,2.0,"y"]}}',
    '[{"channel":"a","data":null},{"data":1,"channel":"b"}]',
  ];
  check(textLike(bodies), (body) => refusesWith(() => parsePublish(Buffer.from(body)), PublishError));
  check(bytesLike(bodies.map((body) => Buffer.from(body))), (body) => {
    refusesWith(() => parsePublish(body), PublishError);
  });
  for (const opening of ["[", '{"channel":"a","data":[', '{"channel":"a","data":{"a":']) {
    expect(() => parsePublish(Buffer.from(opening.repeat(100_000)))).toThrow(PublishError);
  }
  const deep = `{"channel":"a","data":${"[".repeat(50_000)}${"]".repeat(50_000)}}`;
  expect(() => parsePublish(Buffer.from(deep))).toThrow(PublishError);
});

test("tokens, and files of API keys", async () => {
  const verifier = new TokenVerifier({
    ...{
      secret: Buffer.from(SECRET),
      publicKeys: [],
      jwks: undefined,
      audience: undefined,
      issuer: undefined,
    },
    ...{ leewaySeconds: 0, everybody: [], now: Date.now },
  });
  // The same at each run.
  const token = await makeToken({ expires: 4_000_000_000 });
  expect(await verifier.verify(token)).toBeInstanceOf(Grant);
  const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${token.split(".")[1]}.`;
  const [, body = ""] = token.split(".");
  await fc.assert(
    fc.asyncProperty(textLike([token, none, "a.b.c"]), async (text) => {
      const found = await verifier.verify(text);
      // The last character of a signature holds bits that no byte takes.
      if (found instanceof Grant) expect(text.slice(0, -1)).toBe(token.slice(0, -1));
      else {
        expect(["token_invalid", "token_expired"]).toContain(found.code);
        expect(found.message).not.toContain(body);
      }
    }),
    fuzzed(RUNS) as fc.Parameters<[string]>,
  );
  check(textLike(["feed:publish,read:0123456789abcdefgh\n# x\n", "a:admin:0123456789abcdef"]), (text) => {
    const parsed = ApiKeys.parse(text);
    if (!(parsed instanceof ApiKeys)) expect(parsed.fault).not.toContain("0123456789");
  });
});

test("settings by flags, variables and file", () => {
  const names = Object.values(SETTINGS).map(({ name }) => name);
  const value = textLike([
    "3000",
    "redis://localhost:6379",
    "a,b",
    "true",
    "10s",
    "64MiB",
    "{key}.{topic}",
    "[::]:1",
    "*",
  ]);
  const setting = fc.tuple(fc.constantFrom(...names), value);
  const problemsOf = (given: Parameters<typeof load>[0]): void => {
    const result = load(given);
    if (!result.ok) for (const { message } of result.problems) expect(message.length).toBeGreaterThan(0);
  };
  check(
    fc.array(setting, { maxLength: 4 }),
    (given) => {
      problemsOf({ argv: given.flatMap(([name, text]) => [`--${name}`, text]) });
      problemsOf({ argv: given.map(([name, text]) => `--${name}=${text}`) });
      const variable = (name: string) => `SHARDCAST_${name.toUpperCase().replaceAll("-", "_")}`;
      problemsOf({ env: Object.fromEntries(given.map(([name, text]) => [variable(name), text])) });
      const file = given.map(([name, text]) => `${name}: ${text}`).join("\n");
      problemsOf({ argv: ["--config", "c.yaml"], files: { "c.yaml": file } });
    },
    RUNS / 15,
  );
  check(
    fc.array(textLike(["--port", "3000", "--demo", "--", "--port=1", "-h"]), { maxLength: 5 }),
    (argv) => {
      problemsOf({ argv });
    },
    RUNS / 15,
  );
  const files = [
    "port: 3000\nhost: x\n",
    '{"port": 3000}',
    "a: &a [1]\nb: [*a, *a]\n",
    "kafka-topics: [a, b]",
  ];
  check(
    textLike([...files, BOMB]),
    (content) => {
      problemsOf({ argv: ["--config", "c.yaml"], files: { "c.yaml": content } });
    },
    RUNS / 15,
  );
});

test("scenarios of load tests", () => {
  const files = [
    "connections: 10\nchannels: [a{1-3}.x]\nthresholds: { lostMax: 1 }\n",
    "storm: { atSeconds: 1, share: 0.5 }\nholdSeconds: 20\n",
    "channels: [a{1-9999999}]",
    BOMB,
  ];
  // The YAML library says by a ReferenceError that aliases multiply, or name nothing.
  const refusals = [ZodError, YAMLParseError, ReferenceError];
  const warned = spyOn(process, "emitWarning").mockImplementation(() => undefined);
  check(textLike(files), (text) => refusesWith(() => readScenario(text, {}), ...refusals), RUNS / 5);
  warned.mockRestore();
});

test("what a server says to the SDK", () => {
  check(textLike(SERVER_MESSAGES), (text) => void parseServerMessages(text));
  check(fc.json({ maxDepth: 4 }), (text) => void parseServerMessages(text));
});

/** Nine levels of ten aliases each: a thousand million of the first. */
const BOMB = [
  "a0: &a0 [x]",
  ...Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`)}]`),
].join("\n");
