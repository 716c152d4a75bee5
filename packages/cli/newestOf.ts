import type { DataMessage } from "@shardcast/protocol/messages";

/**
 * Of each channel what is newest when the consumer comes for it. While `channelsMax` channels wait nothing more is taken, so that what is
 * beyond is the source's to bound.
 */
export async function* newestOf(
  source: AsyncIterable<DataMessage>,
  channelsMax: number,
): AsyncGenerator<DataMessage, undefined> {
  const waiting = new Map<string, DataMessage>();
  const arrived = new Signal();
  const taken = new Signal();
  let end: { readonly failure?: unknown } | undefined;
  const read = async () => {
    for await (const message of source) {
      while (waiting.size >= channelsMax && !waiting.has(message.channel)) await taken.next();
      // At the end again, behind those that wait for longer.
      waiting.delete(message.channel);
      waiting.set(message.channel, message);
      arrived.give();
    }
  };
  void read()
    .then(
      () => {
        end = {};
      },
      (failure: unknown) => {
        end = { failure };
      },
    )
    .then(() => arrived.give());
  for (;;) {
    for (const [channel, message] of waiting) {
      waiting.delete(channel);
      taken.give();
      yield message;
    }
    if (end !== undefined) {
      if ("failure" in end) throw end.failure;
      return;
    }
    await arrived.next();
  }
}

/** For one who waits. */
class Signal {
  #give: () => void = () => {};

  give(): void {
    this.#give();
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#give = resolve;
    });
  }
}
