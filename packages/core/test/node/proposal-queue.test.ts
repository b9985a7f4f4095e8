import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HoldfastError } from "../../src/errors.ts";
import { type Command, openBatches } from "../../src/format/sealed-batch.ts";
import { ProposalQueue, type ProposalSink } from "../../src/node/proposal-queue.ts";

const OPTIONS = { batchSize: 3, entryBytes: 60, maxPendingBytes: 10_000, maxCommandBytes: 1_000 };
const DONE = { ok: true, value: undefined } as const;
const MEMBERS = [1, 2, 3];

interface Entry {
  readonly term: number;
  /** Absent in the entry of a new leader. */
  readonly data?: Uint8Array;
}

interface Forwarded {
  readonly to: number;
  readonly term: number;
  readonly data: Uint8Array;
}

/** Names of the commands of an entry, with the node and sequence of their batch. */
function batchesOf(
  entry: Entry,
): readonly { readonly node: number; readonly sequence: number; readonly names: string[] }[] {
  return openBatches(entry.data ?? new Uint8Array(0), true).map(({ origin, commands }) => ({
    node: origin.node,
    sequence: origin.sequence,
    names: commands.map(({ body }) => Buffer.from(body).toString()),
  }));
}

class Member {
  readonly id: number;
  readonly queue: ProposalQueue;
  log: Entry[] = [];
  term = 0;
  leader = 0;
  applied = 0;

  constructor(id: number) {
    this.id = id;
    this.queue = new ProposalQueue({ ...OPTIONS, origin: { node: id, incarnation: id } });
  }
}

/** Three members around logs without a network: whoever may do something does it at once. */
class NaiveGroup {
  readonly members: readonly Member[] = MEMBERS.map((id) => new Member(id));
  readonly wire: Forwarded[] = [];
  readonly outcomes = new Map<string, string[]>();
  committed = 0;
  #term = 0;
  #now = 0;
  #names = 0;

  member(id: number): Member {
    const member = this.members[id - 1];
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  /** The longest log that an election can still be won with holds all that is committed. */
  get committedLog(): readonly Entry[] {
    const lastTerm = ({ log }: Member): number => log[this.committed - 1]?.term ?? 0;
    const [best] = [...this.members].sort((a, b) => lastTerm(b) - lastTerm(a));
    return best?.log.slice(0, this.committed) ?? [];
  }

  add(member: Member): void {
    const name = `${member.id}/${++this.#names}`;
    const said: string[] = [];
    this.outcomes.set(name, said);
    member.queue.add({ kind: 0x40, body: Buffer.from(name) }, this.#now + 30).then(
      () => said.push("DONE"),
      (error: unknown) => said.push(error instanceof HoldfastError ? error.code : "?"),
    );
  }

  flush(member: Member, refuse: boolean): void {
    member.queue.flush(member.leader === 0 ? undefined : this.#sink(member, refuse));
  }

  #sink(member: Member, refuse: boolean): ProposalSink {
    const { term, leader, id } = member;
    const leads = leader === id;
    const hand = (data: Uint8Array): boolean => {
      if (refuse) return false;
      if (leads) member.log.push({ term, data });
      else this.wire.push({ to: leader, term, data });
      return true;
    };
    return { term, leads, hand };
  }

  /** The oldest forwarded payload arrives, or is lost. */
  deliver(lost: boolean): void {
    const forwarded = this.wire.shift();
    if (forwarded === undefined || lost) return;
    this.member(forwarded.to).queue.addForeign(forwarded.data, forwarded.term);
  }

  /** `member` is elected by itself and `voter`, unless one of the two has the longer log or the later term. */
  elect(member: Member, voter: Member): void {
    const [mine, theirs] = [member, voter].map(({ log }) => ({
      term: log.at(-1)?.term ?? 0,
      length: log.length,
    }));
    if (mine === undefined || theirs === undefined || member === voter) return;
    if (mine.term < theirs.term) return;
    if (mine.term === theirs.term && mine.length < theirs.length) return;
    this.#term += 1;
    voter.term = this.#term;
    voter.leader = 0;
    member.term = this.#term;
    member.leader = member.id;
    member.log.push({ term: this.#term });
  }

  /** The leader of the newest term that `follower` has not left brings it up to date; two of three are a quorum. */
  replicate(leader: Member, follower: Member): void {
    if (leader === follower || leader.leader !== leader.id || leader.term < follower.term) return;
    if (follower.leader === follower.id && follower.term === leader.term) return;
    follower.term = leader.term;
    follower.leader = leader.id;
    follower.log = [...leader.log];
    this.committed = Math.max(this.committed, leader.log.length);
  }

  apply(member: Member): void {
    const entry = this.committedLog[member.applied];
    if (entry === undefined) return;
    member.applied += 1;
    for (const { node, sequence, names } of batchesOf(entry)) {
      if (node === member.id)
        member.queue.settleApplied(
          sequence,
          names.map(() => DONE),
          member.applied,
          0,
        );
    }
    member.queue.reclaim(entry.term);
  }

  snapshot(member: Member): void {
    if (member.applied >= this.committed) return;
    member.applied = this.committed;
    member.queue.settleSnapshot();
  }

  pass(member: Member, time: number): void {
    this.#now += time;
    member.queue.expire(this.#now);
  }

  /** What became of everything: the log stays as it is from here on. */
  async finish(): Promise<void> {
    for (const member of this.members) while (member.applied < this.committed) this.apply(member);
    for (const { queue } of this.members) {
      queue.failAll(
        () => new HoldfastError("CLOSED", "closed"),
        () => new HoldfastError("UNKNOWN", "closed"),
      );
    }
    await Promise.resolve();
    await Promise.resolve();
  }
}

const step = fc.tuple(
  fc.constantFrom(
    "add",
    "add",
    "flush",
    "flush",
    "deliver",
    "elect",
    "replicate",
    "replicate",
    "apply",
    "apply",
    "snapshot",
    "pass",
    "lose",
    "refuse",
  ),
  fc.constantFrom(...MEMBERS),
  fc.constantFrom(...MEMBERS),
);

function take(group: NaiveGroup, [what, a, b]: [string, number, number]): void {
  const member = group.member(a);
  const other = group.member(b);
  if (what === "add") group.add(member);
  else if (what === "flush") group.flush(member, false);
  else if (what === "refuse") group.flush(member, true);
  else if (what === "deliver") group.deliver(false);
  else if (what === "lose") group.deliver(true);
  else if (what === "elect") group.elect(member, other);
  else if (what === "replicate") group.replicate(member, other);
  else if (what === "apply") group.apply(member);
  else if (what === "snapshot") group.snapshot(member);
  else group.pass(member, b);
}

describe("ProposalQueue", () => {
  test("whoever leads when: one outcome, nothing twice, nothing denied that happened, order kept", async () => {
    let done = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 150, size: "max" }), async (steps) => {
        const group = new NaiveGroup();
        for (const one of steps) take(group, one);
        await group.finish();
        const names = group.committedLog.flatMap((entry) =>
          batchesOf(entry).flatMap((batch) => batch.names),
        );
        expect(new Set(names).size).toBe(names.length);
        for (const id of MEMBERS) {
          const own = names
            .filter((name) => name.startsWith(`${id}/`))
            .map((n) => Number(n.slice(2)));
          expect(own).toEqual([...own].sort((x, y) => x - y));
        }
        for (const [name, outcome] of group.outcomes) {
          expect(outcome).toHaveLength(1);
          if (outcome[0] === "DONE") expect(names).toContain(name);
          else if (outcome[0] !== "UNKNOWN") expect(names).not.toContain(name);
          if (outcome[0] === "DONE") done += 1;
        }
        for (const { queue } of group.members) expect(queue.pendingBytes).toBe(0);
      }),
      { numRuns: 500 },
    );
    // The model does get somewhere.
    expect(done).toBeGreaterThan(100);
  });

  test("hands over nothing new while what went to an earlier leader is in limbo", () => {
    const { queue, handed, flush } = single();
    void queue.add(command("a"), 100);
    flush(1);
    void queue.add(command("b"), 100);
    flush(2);
    expect(handed).toEqual(["1 a"]);
    queue.reclaim(2);
    flush(2);
    expect(handed).toEqual(["1 a", "2 a", "2 b"]);
    queue.settleApplied(1, [DONE], 1, 0);
    queue.settleApplied(2, [DONE], 2, 0);
  });

  test("does not repeat a lost command behind a later one that was applied", async () => {
    const { queue, handed, flush } = single();
    const lost = queue.add(command("a"), 100);
    flush(1);
    const applied = queue.add(command("b"), 100);
    flush(1);
    queue.settleApplied(2, [DONE], 2, 0);
    expect(await applied).toBe(DONE);
    queue.reclaim(2);
    flush(2);
    await expect(lost).rejects.toMatchObject({ code: "NOT_COMMITTED" });
    expect(handed).toEqual(["1 a", "1 b"]);
    expect(queue.pendingBytes).toBe(0);
  });
});

function command(name: string): Command {
  return { kind: 0x40, body: Buffer.from(name) };
}

/** One follower's queue, and what it handed over: the term, and the commands of the batch. */
function single(): {
  readonly queue: ProposalQueue;
  readonly handed: string[];
  readonly flush: (term: number) => void;
} {
  const queue = new ProposalQueue({ ...OPTIONS, origin: { node: 1, incarnation: 1 } });
  const handed: string[] = [];
  const flush = (term: number): void => {
    const hand = (data: Uint8Array): boolean => {
      for (const { names } of batchesOf({ term, data })) handed.push(`${term} ${names.join(" ")}`);
      return true;
    };
    queue.flush({ term, leads: false, hand });
  };
  return { queue, handed, flush };
}
