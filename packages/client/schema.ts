/**
 * What a payload has to be: a function that returns it, as what it is then known to be, or throws; or a schema of any
 * library that follows Standard Schema (https://standardschema.dev), such as Zod, Valibot and ArkType.
 */
export type Schema<T> = ((value: unknown) => T) | StandardSchema<T>;

/** The part of version 1 of Standard Schema that is used here. */
export interface StandardSchema<T> {
  readonly "~standard": {
    readonly version: 1;
    validate(value: unknown): StandardResult<T> | Promise<StandardResult<T>>;
  };
}

type StandardResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<{ readonly message: string }> };

/** Throws where the value does not fit, with the issues as `cause` where there are some. */
export function fit<T>(schema: Schema<T>, value: unknown): T {
  // Some libraries' schemas are functions, too.
  if (!("~standard" in schema)) return schema(value);
  const result = schema["~standard"].validate(value);
  // Waiting for one payload would hold up, or reorder, those behind it.
  if ("then" in result) throw new TypeError("asynchronous");
  if (!result.issues) return result.value;
  throw new TypeError(result.issues[0]?.message, { cause: result.issues });
}
