import { formatMark } from "../../packages/protocol/mark.ts";
import { encodeFrame } from "../../packages/server/bus/frameCodec.ts";
import { type Announcement, encodeAnnouncement } from "../../packages/server/cluster/announcement.ts";
import { encodePeerMessage } from "../../packages/server/log/peerMessage.ts";

/** What is right, for tests that change it a little. */
export const MARK = formatMark([
  ["k3f9abc", 992],
  ["zzzzzzz", 2 ** 53 - 1],
]);

const RANGE = encodeFrame({
  ...{
    kind: "range",
    publisher: "a/0",
    streamId: "k3f9abc",
    after: 990,
    through: 1000,
    epoch: 3,
    omitted: [992],
  },
  publications: [991, 995].map((offset) => ({
    ...{ offset, timestampMs: 1_764_000_000_000, channel: "BTC.trade" },
    envelope: Buffer.from('{"type":"message","data":1}'),
  })),
});

const HEADS = encodeFrame({
  ...{ kind: "heads", publisher: "a/0" },
  heads: [
    { streamId: "k3f9abc", through: 1000 },
    { streamId: "zzzzzzz", through: -1 },
  ],
});

export const FRAMES: readonly Uint8Array[] = [RANGE, HEADS];

const TOLD: Announcement = {
  ...{
    v: 1,
    boot: "b",
    id: "x",
    region: "",
    role: "all",
    version: "1.0.0",
    sentMs: 1,
    startedMs: 1,
    status: "ok",
  },
  ...{
    isLeaving: false,
    shards: 1,
    shardsReady: 1,
    connections: 0,
    connectionsMax: 10,
    publicationsPerSecond: 0,
  },
  ...{ deliveriesPerSecond: 0, cpuShare: 0, rssBytes: 1, settings: { "bus-prefix": "abc" } },
};
export const ANNOUNCEMENT = encodeAnnouncement(TOLD);

const ASKED = { streamId: "k3f9abc", after: 1, through: 9 };
export const PEER_MESSAGES: readonly Uint8Array[] = [
  encodePeerMessage({ type: "who" }),
  encodePeerMessage({ type: "ask", id: "1", bytesMax: 1000, ...ASKED }),
  encodePeerMessage({ type: "answer", id: "1", streamId: "k3f9abc", result: { kind: "read" } }, RANGE),
  encodePeerMessage({
    ...{ type: "stream", streamId: "k3f9abc", name: "n", earliest: 0, next: 9, ageMs: 1, isEnded: false },
  }),
];

export const REQUESTS: readonly string[] = [
  '{"type":"ping","id":1}',
  '{"type":"subscribe","id":2,"channels":["a.b",{"channel":"c.*","snapshot":true}]}',
  `{"type":"subscribe","id":3,"channels":["a.b"],"since":["${MARK}","k3f9abc:991"]}`,
  '{"type":"subscribe","id":4,"channels":[{"channel":"a.b","policy":"latest"},{"channel":"d","maxRate":5}]}',
  '{"type":"unsubscribe","id":5,"channels":["a.b","c.*"]}',
  '{"type":"auth","id":6,"token":"a.b.c"}',
];

export const SERVER_MESSAGES: readonly string[] = [
  '{"type":"welcome","instance":"a","shard":0,"session":"s","pingIntervalMs":25000}',
  `{"type":"subscribed","id":1,"mark":"${MARK}","channels":[{"channel":"a","recovered":true},{"channel":"x","error":{"code":"channel_forbidden","message":"m"}}]}`,
  '{"type":"message","channel":"a","cursor":"k3f9abc:992","ts":1764000000000,"data":{"x":1}}',
  '{"type":"unsubscribed","id":2,"channels":["a"]}',
  '{"type":"gap","channel":"a","after":"k3f9abc:992","through":"k3f9abc:1040","reason":"retention"}',
  '{"type":"reconnect","afterMs":3200,"reason":"draining"}',
  `{"type":"pong","id":3,"mark":"${MARK}"}`,
  '{"type":"error","id":4,"code":"bad_request","message":"m"}',
  '{"type":"token_expiring","expiresInMs":1000}',
  '{"type":"authenticated","id":5,"expiresAtMs":1,"revoked":["a"]}',
  '[{"type":"pong","id":3},{"type":"message","channel":"a","cursor":"k3f9abc:993","ts":1,"data":null}]',
];
