import manifest from "../package.json" with { type: "json" };
import { type Finding, unknown } from "./finding.ts";
import type { Host } from "./host.ts";

const SLOW_SOURCES = ["hpet", "acpi_pm", "xen", "jiffies"];

export function clock(host: Host): Finding {
  const source = host.read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  const isSynchronized = host.isClockSynchronized();
  const found = `${isSynchronized === undefined ? "nobody knows whether it is synchronized" : isSynchronized ? "synchronized" : "not synchronized"}, read from ${source ?? "an unknown source"}`;
  if (isSynchronized === false)
    return {
      name: "clock",
      status: "warn",
      found,
      why: "tokens end by it, latencies are measured with it, and instances whose clocks differ warn of one another",
      set: "timedatectl set-ntp true, or chronyd; in a container it is the host's",
    };
  if (source !== undefined && SLOW_SOURCES.includes(source))
    return {
      name: "clock",
      status: "warn",
      found,
      why: "each look at this clock is a call of the kernel, and there are several for each message",
      set: "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource, where the machine has a steady tsc",
    };
  return { name: "clock", status: isSynchronized === undefined ? "unknown" : "ok", found };
}

/** The runtime that Shardcast was tested with is the one of its package. */
export function runtime(host: Host): Finding {
  const tested = manifest.dependencies.bun;
  const found = `Bun ${host.bunVersion}`;
  if (host.bunVersion === tested) return { name: "runtime", status: "ok", found };
  return {
    name: "runtime",
    status: "warn",
    found: `${found}; tested is ${tested}`,
    why: "the order of publish and subscribe within a turn is the runtime's, and is tested with one version of it",
    set: `npm ci brings Bun ${tested}; npm run shardcast uses it`,
  };
}

export function kernel(host: Host): Finding {
  const release = host.read("/proc/sys/kernel/osrelease");
  if (release === undefined) return unknown("kernel", "/proc/sys/kernel/osrelease");
  const [major = 0, minor = 0] = release.split(".").map(Number);
  if (major > 5 || (major === 5 && minor >= 14)) return { name: "kernel", status: "ok", found: release };
  return {
    name: "kernel",
    status: "warn",
    found: release,
    why: "before 5.14 connections that wait at a shard which ends are always reset (tcp_migrate_req)",
    set: "a newer kernel",
  };
}
