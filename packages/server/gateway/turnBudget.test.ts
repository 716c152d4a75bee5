import { expect, test } from "bun:test";
import { TurnBudget } from "./turnBudget.ts";

test.each([
  { turnMs: 1, budgetMs: 2 },
  { turnMs: 20, budgetMs: 2 },
  { turnMs: 30, budgetMs: 3 },
  { turnMs: 60, budgetMs: 5 },
])("after a turn of $turnMs ms there are $budgetMs", ({ turnMs, budgetMs }) => {
  const budget = new TurnBudget();
  budget.begin(1000);
  expect(budget.begin(1000 + turnMs)).toBeCloseTo(1000 + turnMs + budgetMs);
});

test("what begins after a rest has the most that there is", () => {
  expect(new TurnBudget().begin(7)).toBe(12);
});
