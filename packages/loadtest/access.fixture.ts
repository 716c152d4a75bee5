import type { Access } from "./access.ts";

/** To servers that ask for nothing. */
export const OPEN_ACCESS: Access = { tokenBy: "header", tls: { isInsecure: false } };
