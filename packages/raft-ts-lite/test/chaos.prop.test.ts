// Random schedules: messages are lost, repeated and reordered, members crash and come back, the group changes, snapshots
// replace logs. Whatever happens, what Raft promises holds after every step; and when the faults stop, the group heals.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ConfChangeKind, ConfChangeV2, NodeId, RaftConfig } from "../src/index.ts";
import { bytes, Cluster, codeOf, prng, START } from "./cluster.ts";

// RAFT_CHAOS_RUNS=200 looks further.
const RUNS = Number(process.env["RAFT_CHAOS_RUNS"] ?? 5);

interface Witness {
  /** What was applied at each index, by anyone. */
  readonly applied: Map<number, string>;
  /** Who led in each term. */
  readonly leaders: Map<number, NodeId>;
  /** The highest commit index that each member ever had on disk or in memory. */
  committed: number;
}

function observe(cluster: Cluster, witness: Witness): void {
  for (const member of cluster.members.values()) {
    const { id, role, term, commit, lastIndex, applied } = member.node.basicStatus();
    if (role === "leader") {
      const other = witness.leaders.get(term) ?? id;
      if (other !== id) throw new Error(`${other} and ${id} lead in term ${term}`);
      witness.leaders.set(term, id);
    }
    if (!(applied <= commit && commit <= lastIndex)) {
      throw new Error(`applied ${applied}, commit ${commit}, last ${lastIndex} at ${id}`);
    }
    witness.committed = Math.max(witness.committed, commit);
    for (const one of member.applied.splice(0)) {
      const value = `${one.term} ${one.type} ${one.data.join()}`;
      const other = witness.applied.get(one.index) ?? value;
      if (other !== value) throw new Error(`${other} and ${value} applied at ${one.index}`);
      witness.applied.set(one.index, value);
    }
  }
}

/** Refusals are part of life here; anything else fails the test. */
function attempt(action: () => void): void {
  try {
    action();
  } catch (error) {
    const code = codeOf(error);
    if (code !== "PROPOSAL_DROPPED" && code !== "CONF_CHANGE_REFUSED") throw error;
  }
}

function change(integer: (lo: number, hi: number) => number): ConfChangeV2 {
  const kinds: readonly ConfChangeKind[] = ["AddVoter", "AddLearner", "Remove"];
  const count = integer(0, 3);
  const changes = Array.from({ length: count }, () => ({
    kind: kinds[integer(0, 3)] ?? "Update",
    // 1 and 2 always stay voters, so that the group can always heal.
    nodeId: integer(3, 6),
  }));
  const transition = (["auto", "implicit", "explicit"] as const)[integer(0, 3)] ?? "auto";
  return { transition: count === 0 ? "auto" : transition, changes };
}

function step(cluster: Cluster, integer: (lo: number, hi: number) => number, n: number): void {
  const ids = cluster.ids;
  const id = ids[integer(0, ids.length)] ?? 1;
  const { node, storage, settings } = cluster.member(id);
  const action = integer(0, 100);
  if (action < 30) {
    if (node.hasReady()) cluster.handle(id);
  } else if (action < 40) {
    cluster.write(id);
    cluster.applyNext(id);
  } else if (action < 70) deliverOne(cluster, integer);
  else if (action < 84) cluster.tick(id, integer(1, 4));
  else if (action < 92) attempt(() => cluster.propose(id, `p${n}`));
  else if (action < 94) attempt(() => node.proposeConfChange(change(integer)));
  else if (action < 95) node.transferLeadership(ids[integer(0, ids.length)] ?? 1);
  else if (action < 96) node.reportUnreachable(ids[integer(0, ids.length)] ?? 1);
  else if (action < 97) attempt(() => node.readIndex());
  else if (action < 98) cluster.restart(id);
  else if (action < 99) {
    for (const other of ids)
      node.reportSnapshot(other, integer(0, 2) === 0 ? "finished" : "failed");
  } else {
    const { applied } = node.basicStatus();
    const known = storage.snapshot().metadata.index;
    if (settings.asyncStorageWrites === true && applied > storage.lastIndex()) return;
    if (applied > known) storage.createSnapshot(applied, node.status().config, new Uint8Array(0));
    const upTo = storage.snapshot().metadata.index;
    if (upTo >= storage.firstIndex() && upTo <= applied) storage.compact(upTo);
  }
}

function deliverOne(cluster: Cluster, integer: (lo: number, hi: number) => number): void {
  const { network } = cluster;
  if (network.length === 0) return;
  const fate = integer(0, 20);
  // Mostly in order; the answers of a node's own threads are neither lost nor overtaken.
  const at = fate < 14 ? 0 : integer(0, network.length);
  const message = network[at];
  if (message === undefined) return;
  const local = message.to === message.from || message.from > 1_000_000;
  if (local) {
    const first = network.findIndex(({ to, from }) => to === message.to && isLocal(to, from));
    const [own] = network.splice(first, 1);
    if (own !== undefined) cluster.step(own);
    return;
  }
  if (fate !== 19) network.splice(at, 1);
  if (fate !== 18) cluster.step(message);
}

function isLocal(to: NodeId, from: NodeId): boolean {
  return to === from || from > 1_000_000;
}

function heal(cluster: Cluster, witness: Witness): void {
  for (const member of cluster.members.values()) {
    for (const id of cluster.ids) member.node.reportSnapshot(id, "failed");
  }
  for (let i = 0; i < 300; i += 1) {
    // Whoever was removed is switched off: without check-quorum, it could depose leaders for ever (thesis 4.2.3).
    for (const id of membersOf(cluster)) cluster.tick(id);
    cluster.settle();
    observe(cluster, witness);
    if (i % 50 === 49) {
      for (const id of cluster.ids) {
        for (const other of cluster.ids) cluster.node(id).reportSnapshot(other, "failed");
      }
    }
  }
}

/** The members by the configuration of whoever has committed most. */
function membersOf(cluster: Cluster): readonly NodeId[] {
  const states = cluster.ids.map((id) => cluster.node(id).status());
  states.sort((a, b) => b.commit - a.commit);
  const { voters = [], learners = [], votersOutgoing = [] } = states[0]?.config ?? {};
  return [...new Set([...voters, ...learners, ...votersOutgoing])].filter((id) => id <= 5);
}

const SETTINGS: readonly Partial<RaftConfig>[] = [
  {},
  { asyncStorageWrites: true },
  { preVote: true, checkQuorum: true },
  { preVote: true, checkQuorum: true, asyncStorageWrites: true, maxInflightMessages: 2 },
  { checkQuorum: true, readMode: "lease", maxEntriesPerMessage: 2, maxCommittedBytesPerReady: 30 },
  { asyncStorageWrites: true, maxMessageBytes: 20, maxCommittedBytesPerReady: 10 },
  { preVote: true, maxUncommittedBytes: 50 },
];

test.each(SETTINGS.map((settings) => [JSON.stringify(settings), settings] as const))(
  "with %s, random schedules keep what Raft promises, and the group heals",
  (_name, settings) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 30 }), (seed) => run(seed, settings)),
      { numRuns: RUNS },
    );
  },
  60_000,
);

function run(seed: number, settings: Partial<RaftConfig>): void {
  const random = prng(seed);
  const integer = (lo: number, hi: number): number => random.integer(lo, hi);
  // Heartbeats of a leader that was removed and stays would keep the others from campaigning.
  const cluster = new Cluster({
    voters: [1, 2, 3],
    settings: { stepDownOnRemoval: true, ...settings },
  });
  for (const id of [4, 5]) cluster.add(id, false);
  const witness: Witness = { applied: new Map(), leaders: new Map(), committed: START };
  for (let n = 0; n < 1500; n += 1) {
    step(cluster, integer, n);
    observe(cluster, witness);
  }
  heal(cluster, witness);
  const leader = cluster.leader();
  expect(leader).not.toBe(0);
  cluster.propose(leader, "end");
  cluster.settle();
  observe(cluster, witness);
  const { commit } = cluster.node(leader).basicStatus();
  expect(commit).toBeGreaterThan(witness.committed - 1);
  const { voters, learners } = cluster.node(leader).status().config;
  for (const id of [...voters, ...learners]) {
    expect(cluster.node(id).basicStatus()).toMatchObject({ commit, applied: commit });
  }
  const ends = [...witness.applied.values()].filter((value) => value.endsWith(bytes("end").join()));
  expect(ends).toHaveLength(1);
}
