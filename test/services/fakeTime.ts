import { existsSync } from "node:fs";
import { Glob } from "bun";
import { installPackages, reportMissing } from "./find.ts";

const PLACES = ["/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1"];

/** The library that gives a process a clock of its own, or undefined, after saying so, where there is none. */
export function fakeTimeLibrary(): string | undefined {
  const library = find() ?? (installPackages(["faketime"]) ? find() : undefined);
  if (library === undefined) reportMissing("faketime", "install the Debian package faketime");
  return library;
}

function find(): string | undefined {
  if (process.platform !== "linux") return undefined;
  return PLACES.flatMap((place) => [...new Glob(place).scanSync({ cwd: "/", absolute: true })]).find(
    existsSync,
  );
}
