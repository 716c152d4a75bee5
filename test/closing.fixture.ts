import { afterEach } from "bun:test";

interface Closing {
  close(): unknown;
}

/** What a test file hands to the result is closed after the test in which it does so, the last first. */
export function closedAfterEach(): <T extends Closing>(opened: T) => T {
  const open: Closing[] = [];
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close();
  });
  return (opened) => {
    open.push(opened);
    return opened;
  };
}
