import { type Addresses, atHome } from "./addresses.ts";
import type { Sample } from "./blocks.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

/** Commands that a sample leaves running, and what they are to show yet. */
export interface Left {
  readonly terminal: Terminal;
  /** Undefined where it has shown it. */
  readonly until: string | undefined;
}

/**
 * Runs a block of commands as a reader would. Where it does not end by itself, each command has a terminal of its own, and is
 * left running once it has shown what was to be waited for. Throws where something fails.
 */
export async function runShell(
  text: string,
  sample: Sample,
  addresses: Addresses,
  cwd: string,
): Promise<Left[]> {
  const script = atHome(text, addresses);
  const open = (command: string) =>
    openTerminal(`${settingsFor(addresses)}\n${command}`, { cwd, command, watched: "both" });
  if (sample.until === undefined) {
    const terminal = open(script);
    if (!(await terminal.ended)) throw new Error(`it failed:\n${terminal.output()}`);
    await terminal.close();
    return [];
  }
  const left: Left[] = [];
  let isShown = sample.isLater;
  for (const command of commandsOf(script)) {
    const terminal = open(command);
    if (sample.isLater) {
      left.push({ terminal, until: sample.until });
      continue;
    }
    if (await terminal.shows(sample.until)) isShown = true;
    else if (!(await terminal.ended)) throw new Error(`\`${command}\` failed:\n${terminal.output()}`);
    left.push({ terminal, until: undefined });
  }
  if (!isShown) throw new Error(`no command has shown ${sample.until}`);
  return left;
}

/** A page has one server of its own at a time. */
export function startsServer(command: string): boolean {
  return /npm start|shardcast -- serve/.test(command);
}

/** One for each line, but for those that go on behind a backslash. */
function commandsOf(script: string): string[] {
  const lines = script.replaceAll(/\\\n\s*/g, " ").split("\n");
  return lines.filter((line) => line.trim() !== "" && !line.trimStart().startsWith("#"));
}

/** Commands as they are, with the addresses added that they have by default. */
function settingsFor({ clients, admin }: Addresses): string {
  const [, publicPort] = clients.split(":");
  const [, adminPort] = admin.split(":");
  return `export SHARDCAST_HOST=127.0.0.1 SHARDCAST_PORT=${publicPort} SHARDCAST_ADMIN_PORT=${adminPort} SHARDCAST_DRAIN_WAIT_MS=0
npm() {
  case " $* " in
    *" --url "*) ;;
    *" shardcast -- tail "*) set -- "$@" --url ws://${clients}/ws ;;
    *" shardcast -- publish "*|*" shardcast -- health "*) set -- "$@" --url http://${admin} ;;
  esac
  command npm "$@"
}`;
}
