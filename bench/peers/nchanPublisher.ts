/** Nchan takes one message per HTTP request, but many in a row by a WebSocket, and answers to each. */
export interface NchanPublisher {
  publish(payloads: readonly string[]): Promise<void>;
  close(): void;
}

export async function openPublisher(url: string): Promise<NchanPublisher> {
  const socket = new WebSocket(url);
  let missing = 0;
  let taken = Promise.withResolvers<void>();
  let isClosing = false;
  const opened = Promise.withResolvers<void>();
  socket.onopen = () => opened.resolve();
  socket.onmessage = () => {
    missing -= 1;
    if (missing === 0) taken.resolve();
  };
  socket.onclose = ({ code }) => {
    if (isClosing) return;
    const error = new Error(`Nchan has closed the publishing connection with ${code}`);
    opened.reject(error);
    taken.reject(error);
  };
  await opened.promise;
  return {
    publish(payloads) {
      taken = Promise.withResolvers<void>();
      missing = payloads.length;
      for (const text of payloads) socket.send(text);
      return taken.promise;
    },
    close() {
      isClosing = true;
      socket.close();
    },
  };
}
