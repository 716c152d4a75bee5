/** One figure of a process, read when it is asked for: counting costs the way of a message nothing this way. */
export interface Figure {
  readonly name: string;
  readonly help: string;
  readonly kind: "counter" | "gauge";
  readonly read: ReadFigure;
  /** The label's name where `read` gives several values. */
  readonly label?: string;
}

/** One value, or one for each value of the label. */
type ReadFigure = () => number | Readonly<Record<string, number>>;

/** What only grows: `shardcast_<name>_total`. */
export function counter(name: string, help: string, read: ReadFigure, label?: string): Figure {
  return figure(`shardcast_${name}_total`, help, "counter", read, label);
}

/** What is as it is now: `shardcast_<name>`. */
export function gauge(name: string, help: string, read: ReadFigure, label?: string): Figure {
  return figure(`shardcast_${name}`, help, "gauge", read, label);
}

function figure(
  name: string,
  help: string,
  kind: Figure["kind"],
  read: ReadFigure,
  label: string | undefined,
): Figure {
  return { name, help, kind, read, ...(label !== undefined && { label }) };
}
