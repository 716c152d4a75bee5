/** A file that does not hold what it should; the message says where and what. */
export class InputError extends Error {
  override readonly name = "InputError";
  constructor(where: string, fault: string, options?: ErrorOptions) {
    super(`${where}: ${fault}`, options);
  }
}
