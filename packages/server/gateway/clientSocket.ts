/** What a connection needs of its transport. Bun's server side of a WebSocket is one. */
export interface ClientSocket {
  sendText(text: string): unknown;
  send(data: string | Uint8Array): unknown;
  /** A message that is published to the topic comes here from now on, in this very turn of the event loop. */
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  /** What the callback sends goes out in one piece. */
  cork(callback: () => void): unknown;
  /** Bytes that wait in this process for the client to take them. */
  getBufferedAmount(): number;
  /** Asks for a sign of life. */
  ping(): unknown;
  /** Ends the connection after what was sent. */
  close(code?: number, reason?: string): void;
  /** Ends the connection at once. */
  terminate(): void;
}
