import type { ChaosCluster } from "./cluster.ts";
import type { Answer, MemberStatus, Row } from "./protocol.ts";

/** When all faults are over, the cluster must serve through every member within this time. */
export const RECOVERY_BOUND_MS = 30_000;

/** Where waits look again. */
const POLL_MS = 50;

const PAGE_ROWS = 500;

/** Resolves with how long it took until a read through every member succeeded; `undefined`: it did not within the bound. */
export async function recover(cluster: ChaosCluster): Promise<number | undefined> {
  const began = performance.now();
  const waiting = new Set(cluster.members);
  const done = await within(RECOVERY_BOUND_MS, async () => {
    for (const member of waiting) {
      if (!member.supervisor.isOpen) continue;
      const answer = await settled(
        member.supervisor.ask({ type: "operation", operation: { type: "get", key: "recovery" } }),
      );
      if (answer?.type === "outcome" && answer.outcome.type === "ok") waiting.delete(member);
    }
    return waiting.size === 0;
  });
  return done ? performance.now() - began : undefined;
}

/** Resolves with how long it took until every member had applied what was committed at the beginning; `undefined`: it did not within the time. */
export async function catchUp(cluster: ChaosCluster, ms: number): Promise<number | undefined> {
  const began = performance.now();
  const statuses = (): Promise<(MemberStatus | undefined)[]> =>
    Promise.all(cluster.members.map(({ supervisor }) => supervisor.status(500)));
  const target = Math.max(0, ...(await statuses()).map((one) => one?.commit ?? 0));
  const done = await within(ms, async () =>
    (await statuses()).every((one) => one !== undefined && one.applied >= target),
  );
  return done ? performance.now() - began : undefined;
}

/** Resolves with the state hash that all members share; a complaint when they do not come to share one. To be called when nobody writes any more. */
export async function converge(
  cluster: ChaosCluster,
): Promise<{ readonly hash: string } | { readonly complaint: string }> {
  let seen: string[] = [];
  const agreed = await within(RECOVERY_BOUND_MS, async () => {
    const statuses = await Promise.all(
      cluster.members.map(({ supervisor }) => supervisor.status(1_000)),
    );
    seen = statuses.map((one) =>
      one === undefined ? "silent" : `${one.applied}:${one.stateHash}`,
    );
    return !seen.includes("silent") && new Set(seen).size === 1;
  });
  const [hash = ""] = seen;
  return agreed ? { hash } : { complaint: `the replicas differ: ${seen.join(", ")}` };
}

/** Everything that one replica holds. */
export async function rowsOf(cluster: ChaosCluster, id: number): Promise<Row[]> {
  const member = cluster.members.find((one) => one.id === id);
  if (member === undefined) throw new Error(`no member ${id}`);
  const rows: Row[] = [];
  for (let after = ""; ;) {
    const answer = await member.supervisor.ask({ type: "content", after, limit: PAGE_ROWS });
    if (answer.type !== "rows") throw new Error(`member ${id} does not show what it holds`);
    rows.push(...answer.rows);
    const last = answer.rows.at(-1);
    if (last === undefined || answer.rows.length < PAGE_ROWS) return rows;
    after = last.key;
  }
}

/** Kills all members at once and starts them again: what they hold now is what their disks held. Resolves with whether all opened. */
export async function restartAll(cluster: ChaosCluster): Promise<boolean> {
  const { members } = cluster;
  for (const { supervisor } of members) {
    supervisor.faultBegins();
    supervisor.signal("SIGKILL");
  }
  const gone = await within(RECOVERY_BOUND_MS, () =>
    Promise.resolve(members.every(({ supervisor }) => !supervisor.isRunning)),
  );
  for (const { supervisor } of members) supervisor.faultEnds();
  return gone && (await recover(cluster)) !== undefined;
}

async function within(ms: number, isDone: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (!(await isDone())) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => {
      setTimeout(resolve, POLL_MS);
    });
  }
  return true;
}

async function settled(answer: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer;
  } catch {
    return undefined;
  }
}
