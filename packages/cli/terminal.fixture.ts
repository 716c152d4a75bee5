const MAIN = new URL("main.ts", import.meta.url).pathname;

export interface OnTerminal {
  /** All that was shown so far, stdout and stderr in one, as on a screen. */
  readonly shown: () => string;
  /** Resolves when the screen has shown a text; rejects when the command has ended without it. */
  readonly until: (text: string) => Promise<void>;
  /** What a person types. */
  readonly type: (keys: string) => void;
  readonly exited: Promise<number>;
}

/** Runs `shardcast` under a pseudo-terminal of its own, as a person at a keyboard does. */
export function onTerminal(args: readonly string[], env: Readonly<Record<string, string>> = {}): OnTerminal {
  let shown = "";
  const decoder = new TextDecoder();
  const waiting = new Set<() => void>();
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
    env: { PATH: process.env["PATH"] ?? "", TERM: "xterm", ...env },
    terminal: {
      cols: 120,
      rows: 40,
      data: (_, bytes) => {
        shown += decoder.decode(bytes, { stream: true });
        for (const look of waiting) look();
      },
    },
  });
  const exited = child.exited;
  return {
    shown: () => shown,
    until: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!shown.includes(text)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        void exited.then((code) => reject(new Error(`ended with ${code} and without ${text}: ${shown}`)));
      }),
    type: (keys) => child.terminal?.write(keys),
    exited,
  };
}
