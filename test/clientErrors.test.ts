// The SDK's errors have no words of their own, so its page must say of each what it is and what to do.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { ShardcastErrorCode } from "../packages/client/errors.ts";

/** The compiler tells what is missing here, and what is no code. */
const CODES = {
  connect_failed: true,
  token_failed: true,
  malformed: true,
  handler_failed: true,
  payload_invalid: true,
  queue_overflow: true,
  already_subscribed: true,
  unsubscribed: true,
  closed: true,
  guard_overflow: true,
  bad_request: true,
  unknown_type: true,
  since_invalid: true,
  too_many_requests: true,
  too_many_subscriptions: true,
  subscriptions_full: true,
  channel_forbidden: true,
  policy_invalid: true,
  policy_conflict: true,
  token_invalid: true,
  token_expired: true,
  auth_unavailable: true,
  channel_invalid: true,
  internal: true,
} satisfies Readonly<Record<ShardcastErrorCode, true>>;

test("the SDK's page says of every error what has happened and what to do", () => {
  const page = readFileSync(new URL("../packages/client/README.md", import.meta.url), "utf8");
  const [section = ""] = (page.split("\n## Errors\n")[1] ?? "").split("\n## ");
  const rows = [...section.matchAll(/^\| (`.*`) \| (.+) \| (.+) \|$/gm)];
  const told = rows.flatMap(([, codes = ""]) => [...codes.matchAll(/`(\w+)`/g)].map(([, code]) => code));
  expect(told.sort()).toEqual(Object.keys(CODES).sort());
});
