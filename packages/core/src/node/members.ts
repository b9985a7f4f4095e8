import type { ConfChangeSingle, ConfState, NodeId } from "raft-ts-lite";
import { HoldfastError } from "../errors.ts";
import type { StateMachine } from "../machine/state-machine.ts";
import { readAddress } from "../transport/address.ts";
import { encodeMemberContext, memberIds } from "./member-context.ts";
import type { Replica } from "./replica.ts";

/** What a member does in its group. */
export type MemberRole = "voter" | "learner";

/** A member as the applied configuration names it. */
export interface Member {
  readonly id: NodeId;
  readonly role: MemberRole;
  readonly address: string;
}

/** A new member: it begins as a learner. */
export interface NewMember {
  /** At least 1; of no member, present or past. */
  readonly id: NodeId;
  /** `host:port` at which the other members reach it. */
  readonly address: string;
}

/**
 * The members of the group. Changes go through the log, one at a time, are made on the leader, and resolve once they are applied there. They reject
 * with `MEMBERSHIP` when they are refused (the message says why; nothing was changed) and with `UNKNOWN` when the deadline passed first.
 */
export interface Members {
  /** The configuration as applied on this node, by id. */
  list(): readonly Member[];
  /** Adds a learner: it gets everything and does not vote, so it cannot cost the group its quorum. Start the new node with `cluster.join`. */
  add(member: NewMember): Promise<void>;
  /** Makes a learner a voter. Refused while it is not heard, or has not caught up: the group could lose its quorum to it. */
  promote(id: NodeId): Promise<void>;
  /** Removes a member. Its id must not be used again. The leader may remove itself; it then steps down. */
  remove(id: NodeId): Promise<void>;
  /** Makes another voter the leader; resolves when it leads. */
  transferLeadership(to: NodeId): Promise<void>;
}

/** How far behind a learner may be when it becomes a voter, in entries. */
const CATCH_UP_ENTRIES = 64;

export interface MembersOptions<Machine extends StateMachine> {
  readonly id: NodeId;
  readonly life: () => number;
  /** Throws when the node is not open. */
  readonly replica: () => Replica<Machine>;
  /** Resolves when `id` leads; rejects with `UNAVAILABLE` after an election timeout. */
  readonly untilLeads: (id: NodeId) => Promise<void>;
}

/** See {@link Members}. */
export class ReplicatedMembers<Machine extends StateMachine> implements Members {
  readonly #options: MembersOptions<Machine>;

  constructor(options: MembersOptions<Machine>) {
    this.#options = options;
  }

  list(): readonly Member[] {
    const { confState, members } = this.#options.replica().applied;
    return memberIds(confState).map((id) => ({
      id,
      role: confState.voters.includes(id) ? "voter" : "learner",
      address: members.get(id)?.address ?? "",
    }));
  }

  async add({ id, address }: NewMember): Promise<void> {
    if (!Number.isSafeInteger(id) || id < 1) throw new TypeError(`id (${id}) must be at least 1`);
    if (readAddress(address) === undefined) {
      throw new TypeError(`address (${address}) must be "host:port"`);
    }
    const { confState, members } = this.#leading().applied;
    if (memberIds(confState).includes(id)) throw refused(`node (${id}) is a member already`);
    for (const [other, record] of members) {
      if (record.address === address)
        throw refused(`address (${address}) is that of node (${other})`);
    }
    await this.#change([{ kind: "AddLearner", nodeId: id }], [{ id, address }]);
  }

  async promote(id: NodeId): Promise<void> {
    const replica = this.#leading();
    if (roleIn(replica.applied.confState, id) === "voter") return;
    this.#require(replica, id);
    // A log that is short makes nobody seem far behind, not even a node that was never started.
    if (!replica.isAlive(id)) {
      throw refused(`node (${id}) was not heard lately; promote it when it runs and has caught up`);
    }
    const { progress, lastIndex } = replica.status();
    const match = progress.get(id)?.match ?? 0;
    if (lastIndex - match > CATCH_UP_ENTRIES) {
      throw refused(
        `node (${id}) is (${lastIndex - match}) entries behind; promote it when it has caught up (${CATCH_UP_ENTRIES} or less)`,
      );
    }
    await this.#change([{ kind: "AddVoter", nodeId: id }], []);
  }

  async remove(id: NodeId): Promise<void> {
    const replica = this.#leading();
    const { confState } = replica.applied;
    this.#require(replica, id);
    if (confState.voters.length === 1 && confState.voters[0] === id) {
      throw refused(`node (${id}) is the only voter; promote another first`);
    }
    this.#requireQuorumWithout(replica, id);
    await this.#change([{ kind: "Remove", nodeId: id }], []);
  }

  async transferLeadership(to: NodeId): Promise<void> {
    const replica = this.#leading();
    if (to === this.#options.id) return;
    if (roleIn(replica.applied.confState, to) !== "voter") {
      throw refused(`node (${to}) is not a voter and cannot lead`);
    }
    replica.transferLeadership(to);
    await this.#options.untilLeads(to);
  }

  /** The voters that would remain must be able to commit: most of them alive now. */
  #requireQuorumWithout(replica: Replica<Machine>, id: NodeId): void {
    const { confState } = replica.applied;
    if (!confState.voters.includes(id)) return;
    const remaining = confState.voters.filter((voter) => voter !== id);
    const alive = remaining.filter((voter) => voter === this.#options.id || replica.isAlive(voter));
    if (alive.length * 2 <= remaining.length) {
      throw refused(
        `without node (${id}) only (${alive.length}) of (${remaining.length}) voters would be alive: no quorum`,
      );
    }
  }

  #require(replica: Replica<Machine>, id: NodeId): void {
    if (!memberIds(replica.applied.confState).includes(id)) {
      throw refused(`node (${id}) is not a member`);
    }
  }

  #leading(): Replica<Machine> {
    const replica = this.#options.replica();
    if (replica.leader !== this.#options.id) {
      const where = replica.leader === 0 ? "no leader is known" : `node (${replica.leader}) leads`;
      throw refused(`members are changed on the leader, and this is not it: ${where}`);
    }
    return replica;
  }

  #change(
    changes: readonly ConfChangeSingle[],
    members: readonly { readonly id: NodeId; readonly address: string }[],
  ): Promise<void> {
    const { id, life, replica } = this.#options;
    return replica().changeMembers((sequence) => ({
      transition: "auto",
      changes,
      context: encodeMemberContext({
        members,
        origin: { node: id, incarnation: life(), sequence },
      }),
    }));
  }
}

function roleIn(confState: ConfState, id: NodeId): MemberRole | undefined {
  if (confState.voters.includes(id)) return "voter";
  return memberIds(confState).includes(id) ? "learner" : undefined;
}

function refused(why: string): HoldfastError {
  return new HoldfastError("MEMBERSHIP", why);
}
