import { beforeEach, expect, test } from "bun:test";
import {
  ANNOUNCEMENT_BYTES_MAX,
  type Announcement,
  decodeAnnouncement,
  encodeAnnouncement,
} from "./announcement.ts";
import { ClusterView } from "./clusterView.ts";

const BASE: Announcement = {
  ...{ v: 1, boot: "boot-a", id: "a", region: "here", role: "all", version: "1.0.0" },
  ...{ sentMs: 0, startedMs: 0, status: "ok", isLeaving: false, shards: 2, shardsReady: 2 },
  ...{ connections: 10, connectionsMax: 100, publicationsPerSecond: 1, deliveriesPerSecond: 10 },
  ...{ cpuShare: 0.1, rssBytes: 1, settings: { "channel-template": "x" } },
};
const WALL_MS = 1_764_000_000_000;

let view: ClusterView;
let nowMs: number;

beforeEach(() => {
  view = new ClusterView("boot-a");
  nowMs = 0;
});

function hear(id: string, boot = `boot-${id}`, other: Partial<Announcement> = {}): void {
  view.take({ ...BASE, id, boot, sentMs: WALL_MS + nowMs, ...other }, nowMs, WALL_MS + nowMs);
}

function ids(): string[] {
  return view.instances(nowMs).map(({ id }) => id);
}

test("it shows all that announce themselves, and which one is this one", () => {
  hear("b");
  hear("a");
  nowMs = 500;
  expect(view.instances(nowMs)).toMatchObject([
    { id: "a", isSelf: true, ageMs: 500, isSilent: false },
    { id: "b", isSelf: false, ageMs: 500, isSilent: false },
  ]);
  expect(view.problems(nowMs)).toEqual([]);
});

test("one that has missed two announcements is silent, until it speaks again", () => {
  const silent = () => view.instances(nowMs).flatMap(({ id, isSilent }) => (isSilent ? [id] : []));
  hear("a");
  hear("b");
  nowMs = 5_000;
  expect(silent()).toEqual([]);
  nowMs = 5_100;
  hear("a");
  expect(silent()).toEqual(["b"]);
  hear("b");
  expect(silent()).toEqual([]);
});

test("one that says goodbye is gone at once, one that falls silent after ten seconds", () => {
  hear("a");
  hear("b");
  hear("c");
  hear("b", "boot-b", { isLeaving: true });
  expect(ids()).toEqual(["a", "c"]);
  nowMs = 9_000;
  hear("a");
  nowMs = 11_000;
  expect(ids()).toEqual(["a"]);
});

test("a restart under the same id replaces the one before, and is no duplicate", () => {
  hear("a");
  hear("b", "first");
  nowMs = 3_000;
  hear("b", "second");
  expect(view.instances(nowMs).map(({ boot }) => boot)).toEqual(["boot-a", "second"]);
  expect(view.problems(nowMs)).toEqual([]);
});

test("two that run with the same id are told apart and reported", () => {
  for (; nowMs <= 6_000; nowMs += 2_000) {
    hear("b", "first");
    hear("b", "second");
  }
  expect(view.instances(nowMs).map(({ boot }) => boot)).toEqual(["first", "second"]);
  expect(view.problems(nowMs)).toMatchObject([{ kind: "duplicate_id", instances: ["b"] }]);
  nowMs += 5_000;
  hear("b", "second");
  nowMs += 6_000;
  hear("b", "second");
  expect(view.problems(nowMs)).toEqual([]);
});

test("settings that contradict each other are reported with who has them", () => {
  hear("a");
  hear("b");
  hear("c", "boot-c", { settings: { "channel-template": "y", "kafka-group": "g" } });
  expect(view.problems(nowMs)).toMatchObject([
    {
      kind: "settings_differ",
      instances: ["c"],
      message: expect.stringContaining("--channel-template of c"),
    },
  ]);
});

test("a clock that differs is reported, a slow announcement is not", () => {
  hear("a");
  hear("b");
  nowMs = 2_000;
  hear("b", "boot-b", { sentMs: WALL_MS + nowMs - 4_000 });
  expect(view.problems(nowMs)).toEqual([]);
  for (let round = 0; round < 5; round++) {
    nowMs += 2_000;
    hear("a");
    hear("b", "boot-b", { sentMs: WALL_MS + nowMs + 30_000 });
  }
  expect(view.problems(nowMs)).toMatchObject([{ kind: "clock_differs", instances: ["b"] }]);
  for (let round = 0; round < 5; round++) {
    nowMs += 2_000;
    hear("b");
  }
  expect(view.problems(nowMs)).toEqual([]);
});

test("the view is bounded, and says so", () => {
  hear("a");
  for (let index = 0; index < 1500; index++) hear(`i${index}`);
  expect(view.instances(nowMs)).toHaveLength(1000);
  expect(view.problems(nowMs)).toMatchObject([{ kind: "too_many" }]);
});

test("an announcement comes back as it was sent; what is none, or too large, is refused", () => {
  expect(decodeAnnouncement(encodeAnnouncement(BASE))).toEqual(BASE);
  // A newer version may say more.
  expect(decodeAnnouncement(Buffer.from(JSON.stringify({ ...BASE, more: 1 })))).toEqual(BASE);
  const refused = [
    "",
    "{",
    "[]",
    "null",
    JSON.stringify({ ...BASE, v: 2 }),
    JSON.stringify({ ...BASE, id: 7 }),
  ];
  for (const text of refused) expect(decodeAnnouncement(Buffer.from(text))).toBeUndefined();
  const id = "x".repeat(ANNOUNCEMENT_BYTES_MAX);
  expect(decodeAnnouncement(encodeAnnouncement({ ...BASE, id }))).toBeUndefined();
});
