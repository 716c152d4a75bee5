// Runs wherever the published SDK does, Node, Bun or a page: keeps a ledger of four channels until each has had its last
// message, and returns it. `since` joins late, with a position of before.
export async function keepLedger({ connect }, url, options, onReady) {
  const seen = { "a.x": [], "a.y": [], b: [], c: [] };
  const problems = [];
  const client = connect([url], {
    backoff: { minMs: 5, maxMs: 40 },
    pongTimeoutMs: 400,
    // Longer than the test: a handshake that breaks has to be noticed by itself.
    connectTimeoutMs: 90_000,
    onGap: (gap) => problems.push(gap),
    onError: ({ code, message }) => code !== "connect_failed" && problems.push({ code, message }),
    ...options,
  });
  let left = Object.keys(seen).length;
  const over = new AbortController();
  const take = ({ channel, data, snapshot }) => {
    if (snapshot) problems.push({ channel, snapshot });
    else if (data !== "end") seen[channel].push(data);
    else if (--left === 0) over.abort();
  };
  const subscriptions = [client.subscribe("a.*", take), client.subscribe("b", take)];
  const iterated = client.subscribe("c", { signal: over.signal });
  await Promise.all([...subscriptions, iterated].map(({ ready }) => ready));
  await onReady();
  for await (const message of iterated) take(message);
  if (!over.signal.aborted) await new Promise((resolve) => over.signal.addEventListener("abort", resolve));
  const { stats } = client;
  await client.close();
  return { seen, problems, stats, status: client.status };
}
