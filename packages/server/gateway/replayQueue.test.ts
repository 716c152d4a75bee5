import { expect, test } from "bun:test";
import { type QueuedTask, ReplayQueue } from "./replayQueue.ts";

/** Tasks of so many steps, each of which takes a millisecond of a clock that nothing else moves. */
function fixture() {
  const clock = { ms: 0 };
  const queue = new ReplayQueue(() => clock.ms);
  const stepped: string[] = [];
  const task = (name: string, steps: number, { holds = 0, blocks = false } = {}): QueuedTask => {
    let left = steps;
    let held = 0;
    const self: QueuedTask = {
      get cursors() {
        return left === 0 ? 0 : held;
      },
      step() {
        clock.ms += 1;
        left -= 1;
        held = holds;
        stepped.push(name);
        if (left > 0 && !blocks) queue.add(self);
      },
      release() {
        held = 0;
      },
    };
    queue.add(self);
    return self;
  };
  return { queue, stepped, clock, task };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("all replays together get a few milliseconds of a turn, and begin in none that is under way", async () => {
  const { queue, stepped, task, clock } = fixture();
  task("a", 100);
  expect(stepped).toEqual([]);
  const perTurn: number[] = [];
  while (queue.waiting > 0) {
    const before = clock.ms;
    await turn();
    perTurn.push(clock.ms - before);
  }
  expect(stepped).toHaveLength(100);
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(5);
});

test("each gets a step by turns: a long one does not keep short ones waiting", async () => {
  const { queue, stepped, task } = fixture();
  task("long", 1000, { holds: 1 });
  await turn();
  for (const name of ["b", "c", "d"]) task(name, 1);
  const before = stepped.length;
  while (queue.waiting > 0) await turn();
  expect(stepped.slice(before, before + 8)).toEqual(expect.arrayContaining(["b", "c", "d"]));
});

test("a crowd is served one after another, and not all at its end", async () => {
  const { queue, stepped, task } = fixture();
  const names = Array.from({ length: 1000 }, (_, at) => `task ${at}`);
  for (const name of names) task(name, 4);
  while (queue.waiting > 0) await turn();
  expect(stepped).toHaveLength(4000);
  const doneAtHalf = names.filter((name) => stepped.lastIndexOf(name) < 2000).length;
  expect(doneAtHalf).toBeGreaterThan(400);
});

test("those who can not go on, as while the log is silent, keep nobody from beginning", async () => {
  const { queue, stepped, task } = fixture();
  for (let at = 0; at < 1000; at++) task(`waits ${at}`, 2, { blocks: true });
  task("last", 1);
  while (queue.waiting > 0) await turn();
  expect(stepped).toHaveLength(1001);
  expect(stepped.at(-1)).toBe("last");
});

test("no more begin while those that began hold much, and they begin when these end", async () => {
  const { queue, stepped, task } = fixture();
  task("large", 50, { holds: 1_000_000 });
  task("later", 1);
  while (queue.waiting > 0) await turn();
  expect(stepped.lastIndexOf("large")).toBeLessThan(stepped.indexOf("later"));
});

test("who waits for its client lets go of what it holds when others need the room", async () => {
  const { queue, stepped, task } = fixture();
  const slow = task("slow", 50, { holds: 1_000_000, blocks: true });
  while (queue.waiting > 0) await turn();
  expect(slow.cursors).toBe(1_000_000);
  task("other", 1);
  while (queue.waiting > 0) await turn();
  expect(stepped).toEqual(["slow", "other"]);
  expect(slow.cursors).toBe(0);
});

test("what is removed is not stepped any more, and gives its room back", async () => {
  const { queue, stepped, task } = fixture();
  const gone = task("gone", 50, { holds: 1_000_000 });
  await turn();
  queue.remove(gone);
  const before = stepped.length;
  task("other", 1);
  while (queue.waiting > 0) await turn();
  expect(stepped.slice(before)).toEqual(["other"]);
});
