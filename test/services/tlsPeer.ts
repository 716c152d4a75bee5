import { connect } from "node:tls";

/** The fingerprint of the certificate that a server shows to who connects now. Rejects where the handshake breaks. */
export function fingerprintAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint);
      socket.end();
    });
    socket.on("error", reject);
  });
}

/** A WebSocket that trusts any certificate: the tests make their own. */
export function connectTrusting(url: string): WebSocket {
  const options = { tls: { rejectUnauthorized: false } };
  // The DOM's types stand before the runtime's here.
  return new WebSocket(url, options as unknown as string[]);
}
