/** What differs between the servers under load: what to ask for, and what to make of their frames. */
export interface Dialect {
  /** Offered in the handshake; undefined offers none. */
  readonly subprotocol: string | undefined;
  /** Text frames to send once the handshake is done. */
  greet(client: number): readonly string[];
  /** One text or binary frame; its payload is `bytes[start..end)`, valid only during the call. */
  frame(client: number, bytes: Uint8Array, start: number, end: number, send: (text: string) => void): void;
  /** The same of binary frames, where they mean something else. */
  binaryFrame?(client: number, bytes: Uint8Array, start: number, end: number): void;
}
