/** Looks up a field by its name, or by a path of names with dots between them. Undefined where there is none. */
export function fieldOf(value: unknown, path: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  // A name that itself has a dot, as CSV headers may, goes before a path.
  if (Object.hasOwn(value, path)) return Reflect.get(value, path);
  let at: unknown = value;
  for (const name of path.split(".")) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = Reflect.get(at, name);
  }
  return at;
}
