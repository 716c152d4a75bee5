import { expect, test } from "bun:test";
import { PublishError, parsePublish } from "./publishRequest.ts";

function parsed(body: string): Array<readonly [channel: string, data: string]> {
  return parsePublish(Buffer.from(body)).map(({ channel, data }) => [channel, Buffer.from(data).toString()]);
}

function refusal(body: string | Uint8Array): string {
  try {
    parsePublish(Buffer.from(body));
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    return `${error.code}: ${error.message}`;
  }
  throw new Error("not refused");
}

const AS_WRITTEN = [
  "12345678901234567890",
  "1.0",
  "-0",
  "1E400",
  '{"a":1,"a":2}',
  '{ "b" : [ 1 ,2 ] ,\n "a" : "\\u00e9\\/é😀" }',
  '"}],\\"data\\":"',
  "[]",
  "{}",
  "null",
];

test("data stays byte for byte as it was written, alone and in a batch", () => {
  for (const data of AS_WRITTEN) {
    expect(parsed(`{"channel":"a","data":${data}}`)).toEqual([["a", data]]);
    expect(parsed(` { "data" : ${data} , "channel" : "a" , "more" : {"data":5} } `)).toEqual([["a", data]]);
  }
  const batch = AS_WRITTEN.map((data, index) => `{"channel":"c${index}","data":${data}}`);
  expect(parsed(`[${batch.join(" ,\n")}]`)).toEqual(AS_WRITTEN.map((data, index) => [`c${index}`, data]));
});

test("names are read as parsers read them: escapes count, and the last of several", () => {
  expect(parsed('{"channel":"a","data":1,"d\\u0061ta":2.0}')).toEqual([["a", "2.0"]]);
});

test("what is wrong is said with the item that is", () => {
  expect(refusal("[]")).toStartWith("bad_request: the batch is empty");
  expect(refusal('[{"channel":"a","data":1},{"channel":"a"}]')).toStartWith("bad_request: item 1 must be");
  expect(refusal('{"channel":"a b","data":1}')).toStartWith("channel_invalid: item 0");
  expect(refusal('{"channel":"a","data":1')).toStartWith("bad_request: the body is not JSON");
  expect(refusal(Buffer.from([0x22, 0xff, 0x22]))).toBe("bad_request: the body is not UTF-8");
  const deep = (depth: number) => `{"channel":"a","data":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  expect(parsed(deep(512))).toHaveLength(1);
  expect(refusal(deep(513))).toStartWith("bad_request: item 0 nests deeper than 512");
});
