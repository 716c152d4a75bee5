// Preloaded by the launchers (`bin.mjs`, `scripts/run.mjs`). They hand signals on, but SIGKILL leaves them no time to:
// what they started would go on and hold its ports. The channel between the two closes however the launcher ends, and
// then this process ends as if it had been told to.
if (process.connected) {
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  // Waiting for that must not keep a command alive that is done.
  process.channel?.unref();
}
