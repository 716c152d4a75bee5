/** Another form of what the server sends, which the client asks for; a server that does not know it sends plain text. */
export interface Encoding {
  /** Whether this runtime can read it; where not, nothing is asked for. */
  isAvailable(): boolean;
  /** Where a server is asked for it. */
  address(url: string): string;
  /** For one connection. */
  reader(): FrameReader;
}

/**
 * Calls `then` with the text of a frame: a message, or a list of them; undefined stands for a frame that can not be read.
 * Calls come in the order of the frames, and those that need no decoding at once unless others are waited for.
 */
export type FrameReader = (frame: unknown, then: (text: unknown) => void) => void;
