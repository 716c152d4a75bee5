import { spawnSync } from "node:child_process";
import { installPackages, reportMissing } from "./find.ts";

const CANDIDATES = ["python3", "/usr/bin/python3"];

/** A Python that has the package `websockets`; undefined, loudly, where there is none. It is required only where it is named. */
export function pythonWithWebsockets(): string | undefined {
  const found = search() ?? (installPackages(["python3-websockets"]) ? search() : undefined);
  if (found === undefined) reportMissing("python-websockets", "install python3-websockets", false);
  return found;
}

function search(): string | undefined {
  return CANDIDATES.find(
    (python) => spawnSync(python, ["-c", "import websockets"], { stdio: "ignore" }).status === 0,
  );
}
