/** Of a host name or an address. */
export const HOST = /^[A-Za-z0-9:._%-]{1,253}$/;
