/**
 * What a promise rejects with; rejects where it resolves. In place of `expect(…).rejects`, in which Bun's runner holds this
 * turn until the promise is settled, and then and again sleeps meanwhile until something else wakes the process up: for 27 s,
 * where all that was to be waited for was the next turn.
 */
export async function rejectionOf(promise: PromiseLike<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`it was not refused: ${Bun.inspect(value)}`);
}
