export interface CloseMeaning {
  readonly code: number;
  readonly reason: string;
  /** Whether a client should connect again by itself. */
  readonly comeBack: boolean;
}

/** Every code with which a server or the transport closes a connection. `docs/protocol.md` lists the same. */
export const CLOSE_CODES = {
  goingAway: { code: 1001, reason: "going away", comeBack: true },
  protocolError: { code: 1002, reason: "not a WebSocket frame", comeBack: true },
  /** What a client sees whose connection broke, or was cut for slowness: the transport sends no frame then. */
  abnormal: { code: 1006, reason: "connection lost or too slow", comeBack: true },
  invalidText: { code: 1007, reason: "a text frame that is not UTF-8", comeBack: true },
  policy: { code: 1008, reason: "policy violation", comeBack: false },
  tooLarge: { code: 1009, reason: "message too large", comeBack: false },
  serviceRestart: { code: 1012, reason: "service restart", comeBack: true },
  tryAgainLater: { code: 1013, reason: "try again later", comeBack: true },
  /** With another token. */
  tokenExpired: { code: 4401, reason: "the token has expired", comeBack: true },
} as const satisfies Record<string, CloseMeaning>;

/** For where the connection broke, or was cut off. */
export const ABNORMAL_CLOSE: number = 1006;

/** For a client that has one token alone, there is no coming back from this. */
export const TOKEN_EXPIRED_CLOSE: number = 4401;

/** The column `comeBack` as code, because the table itself would be a twentieth of the bundle for browsers. */
export function isFinalClose(code: number): boolean {
  return code === 1008 || code === 1009;
}
