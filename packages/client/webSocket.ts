/**
 * The part of the standard WebSocket that the client uses: that of browsers, Node 22 and Bun has it, and so has the
 * package `ws`.
 */
export interface WebSocketLike {
  readonly readyState: number;
  /** How binary frames are handed over. */
  binaryType: string;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(
    type: "close",
    listener: (event: { readonly code: number; readonly reason: string }) => void,
  ): void;
  /** Bun and `ws` say what is wrong; browsers tell no page. */
  addEventListener(type: "error", listener: (event: { readonly message?: unknown }) => void): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** `readyState` of a socket that takes messages. */
export const OPEN = 1;
