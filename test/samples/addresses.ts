/** Where the servers of a page's samples really are. */
export interface Addresses {
  /** The public port: `127.0.0.1:4711`. */
  readonly clients: string;
  readonly admin: string;
  readonly kafka: string;
  /** Hands out tokens, where the stage asks for them. */
  readonly issuer: string;
}

/** Pages name the default ports, and hosts that nobody has; here they become those of the servers that were started. */
export function atHome(text: string, { clients, admin, kafka, issuer }: Addresses): string {
  return text
    .replaceAll(/wss:\/\/[\w-]+\.example\.com/g, `ws://${clients}`)
    .replaceAll("https://app.example.com", `http://${issuer}`)
    .replaceAll(/https:\/\/[\w-]+\.example\.com/g, `http://${clients}`)
    .replaceAll("localhost:3000", clients)
    .replaceAll("localhost:3001", admin)
    .replaceAll("localhost:9092", kafka);
}
