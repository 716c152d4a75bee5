import { expect, test } from "bun:test";
import { Ledger } from "./ledger.ts";

/** One client of two channels, from whose beginning on all is due. */
function ledgerOfOne(): Ledger {
  const ledger = new Ledger([[0, 1]]);
  ledger.expectFrom(0, 0);
  return ledger;
}

function take(ledger: Ledger, channel: number, ...numbers: readonly number[]): void {
  for (const n of numbers) ledger.message(0, channel, n);
}

test("a gap in one channel hides no loss in another", () => {
  const ledger = ledgerOfOne();
  take(ledger, 1, 0);
  ledger.forget(0, 0);
  take(ledger, 0, 7);
  take(ledger, 1, 2);
  expect(ledger.lost([8, 3], [])).toBe(1);
});

test("what was lost before a gap stays lost, and what comes late is out of order", () => {
  const ledger = ledgerOfOne();
  take(ledger, 0, 0, 3);
  ledger.forget(0, 0);
  take(ledger, 0, 9, 1);
  take(ledger, 1, 0);
  expect(ledger.lost([10, 1], [])).toBe(1);
  expect(ledger.disordered).toBe(1);
});

test("what nobody took when it was published is no loss, in the middle and at the end", () => {
  const ledger = ledgerOfOne();
  take(ledger, 0, 0, 3, 4);
  take(ledger, 1, 0, 1, 2);
  expect(ledger.lost([7, 3], [[1, 6], []])).toBe(2);
  expect(ledger.lost([7, 3], [[1, 2, 5, 6], []])).toBe(0);
});

test("what failed in the middle covers no loss at the end", () => {
  const ledger = ledgerOfOne();
  take(ledger, 0, 0, 1, 2, 3);
  take(ledger, 1, 0);
  // 1 to 3 came although nobody said so; 4 to 6 were taken and never came.
  expect(ledger.lost([7, 1], [[1, 2, 3], []])).toBe(3);
});

test("a client that came anew has heard all only once something came on each channel", () => {
  const ledger = ledgerOfOne();
  take(ledger, 0, 0);
  take(ledger, 1, 0);
  expect(ledger.hasHeardAll(0)).toBe(true);
  ledger.leave(0);
  take(ledger, 0, 5);
  expect(ledger.hasHeardAll(0)).toBe(false);
  take(ledger, 1, 5);
  expect(ledger.hasHeardAll(0)).toBe(true);
});

test("offsets of one stream may begin anew while the others must still grow", () => {
  const ledger = ledgerOfOne();
  ledger.cursor(0, 0, 10);
  ledger.cursor(0, 1, 10);
  ledger.forgetOffsets(0, 1);
  ledger.cursor(0, 1, 3);
  expect(ledger.repeatedCursors).toBe(0);
  ledger.cursor(0, 0, 10);
  expect(ledger.repeatedCursors).toBe(1);
});
