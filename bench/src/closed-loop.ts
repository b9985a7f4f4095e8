import type { LoadPlan, LoadResult } from "./tasks.ts";

/** Keeps `inFlight` operations under way until `more` says no; resolves when the last has ended. */
export async function closedLoop(
  inFlight: number,
  more: () => boolean,
  operation: () => Promise<void>,
): Promise<void> {
  const caller = async (): Promise<void> => {
    while (more()) await operation();
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
}

/** Runs the plan and measures every put that was acknowledged between the end of the warm-up and the end of the plan. */
export async function load(
  plan: LoadPlan,
  put: (row: number) => Promise<void>,
): Promise<LoadResult> {
  const { firstKey, inFlight, warmUpSeconds, seconds, distinctKeys = Infinity } = plan;
  const countFrom = performance.now() + warmUpSeconds * 1000;
  const end = countFrom + seconds * 1000;
  const latencies: number[] = [];
  let puts = 0;
  await closedLoop(
    inFlight,
    () => performance.now() < end,
    async () => {
      const row = firstKey + (puts % distinctKeys);
      puts += 1;
      const startedAt = performance.now();
      await put(row);
      const now = performance.now();
      if (now >= countFrom && now < end) latencies.push(now - startedAt);
    },
  );
  return {
    puts: latencies.length,
    seconds,
    total: puts,
    latencies: Float64Array.from(latencies).sort(),
  };
}
