import type { NodeId } from "./message.ts";
import type { LogStorage } from "./storage.ts";

/** A source of randomness; the same sequence makes the same run. */
export interface Prng {
  /** A uniform integer in `[lo, hi)`. */
  integer(lo: number, hi: number): number;
}

/**
 * `safe`: a read is confirmed by a round of heartbeats. `lease`: the leader answers at once while a quorum has promised
 * not to elect another; it relies on ticks of equal length everywhere and on {@link RawNode.voidLease}, must be the same
 * on all members, and needs `checkQuorum`.
 */
export type ReadMode = "safe" | "lease";

/** How one node takes part in its group. Limits are unlimited where they are left out, unless they say otherwise. */
export interface RaftConfig {
  readonly id: NodeId;
  /** A follower that hears nothing for at least this many ticks campaigns. Also the length of a leader's lease. */
  readonly electionTicks: number;
  /**
   * Election timeouts are drawn from `[electionTicks, maxElectionTicks)`. Wider spreads campaigns apart, and makes the
   * longest time without a leader longer. @defaultValue 2 * electionTicks
   */
  readonly maxElectionTicks?: number;
  /** A leader sends heartbeats this often. Well below `electionTicks`, or lost heartbeats cause elections. */
  readonly heartbeatTicks: number;
  readonly storage: LogStorage;
  /** Spreads election timeouts. Members must not share a sequence, or they campaign at the same time for ever. */
  readonly random: Prng;
  /** The last index that the embedder has applied: what comes before is not handed out again. @defaultValue 0 */
  readonly applied?: number;
  /** Grows with every start of this node, so that read tokens are never made twice. @defaultValue 0 */
  readonly incarnation?: number;
  /** Appends and applies leave as messages to local threads; `advance` is not used. @defaultValue false */
  readonly asyncStorageWrites?: boolean;
  /** Bytes of entries in one append. More saves messages, less keeps the first retry after a loss small. */
  readonly maxMessageBytes?: number;
  readonly maxEntriesPerMessage?: number;
  /** Bytes of committed entries handed out and not applied yet. @defaultValue maxMessageBytes */
  readonly maxCommittedBytesPerReady?: number;
  /** Bytes of proposals not yet applied at the leader; beyond, they are dropped. One proposal always passes. */
  readonly maxUncommittedBytes?: number;
  /** Appends sent to one follower and not acknowledged. @defaultValue 256 */
  readonly maxInflightMessages?: number;
  /** The same in bytes; at least `maxMessageBytes`. */
  readonly maxInflightBytes?: number;
  /**
   * A leader that hears of no quorum for `electionTicks` steps down, and who has heard of a leader within that time does
   * not vote. @defaultValue false
   */
  readonly checkQuorum?: boolean;
  /** Asks for votes before raising the term, so that a node that comes back disturbs nobody. @defaultValue false */
  readonly preVote?: boolean;
  /** @defaultValue "safe" */
  readonly readMode?: ReadMode;
  /** Ticks by which clocks may drift within `electionTicks`; shortens the lease. @defaultValue a tenth, rounded up */
  readonly leaseDriftTicks?: number;
  /** A follower drops proposals instead of passing them to the leader. @defaultValue false */
  readonly disableProposalForwarding?: boolean;
  /** The embedder makes sure itself that configuration changes fit. @defaultValue false */
  readonly disableConfChangeValidation?: boolean;
  /** A leader steps down once a change is applied that removes it or makes it a learner. @defaultValue false */
  readonly stepDownOnRemoval?: boolean;
  /**
   * A voter refuses candidates of lower priority a few times before it gives in, so that the higher one tends to lead;
   * see `refusesForPriority`. @defaultValue 0
   */
  readonly priority?: number;
}

/** {@link RaftConfig} with nothing left out. */
export type ResolvedConfig = Required<RaftConfig>;

/** Fills in the defaults. Throws `TypeError` with everything that is wrong. */
export function resolveConfig(config: RaftConfig): ResolvedConfig {
  const { electionTicks } = config;
  const maxMessageBytes = config.maxMessageBytes ?? Infinity;
  const resolved: ResolvedConfig = {
    maxElectionTicks: 2 * electionTicks,
    applied: 0,
    incarnation: 0,
    asyncStorageWrites: false,
    maxMessageBytes,
    maxEntriesPerMessage: Infinity,
    maxCommittedBytesPerReady: maxMessageBytes,
    maxUncommittedBytes: Infinity,
    maxInflightMessages: 256,
    maxInflightBytes: Infinity,
    checkQuorum: false,
    preVote: false,
    readMode: "safe",
    leaseDriftTicks: Math.ceil(electionTicks / 10),
    disableProposalForwarding: false,
    disableConfChangeValidation: false,
    stepDownOnRemoval: false,
    priority: 0,
    ...config,
  };
  const issues = [...numberIssues(resolved), ...relationIssues(resolved)];
  if (issues.length > 0) throw new TypeError(`raft config: ${issues.join("; ")}`);
  return resolved;
}

const LIMITS = [
  "maxMessageBytes",
  "maxEntriesPerMessage",
  "maxCommittedBytesPerReady",
  "maxUncommittedBytes",
  "maxInflightMessages",
  "maxInflightBytes",
] as const;

function numberIssues(config: ResolvedConfig): string[] {
  const issues: string[] = [];
  const atLeast = (key: "id" | "electionTicks" | "heartbeatTicks", low: number): void => {
    if (!(Number.isSafeInteger(config[key]) && config[key] >= low)) {
      issues.push(`${key} (${config[key]}) is no integer of at least ${low}`);
    }
  };
  atLeast("id", 1);
  atLeast("heartbeatTicks", 1);
  atLeast("electionTicks", 2);
  for (const key of ["applied", "incarnation", "leaseDriftTicks"] as const) {
    if (!(Number.isSafeInteger(config[key]) && config[key] >= 0)) {
      issues.push(`${key} (${config[key]}) is no integer of at least 0`);
    }
  }
  if (!Number.isSafeInteger(config.priority)) {
    issues.push(`priority (${config.priority}) is no integer`);
  }
  for (const key of LIMITS) {
    const value = config[key];
    if (!(value === Infinity || (Number.isSafeInteger(value) && value >= 1))) {
      issues.push(`${key} (${value}) is neither an integer of at least 1 nor Infinity`);
    }
  }
  return issues;
}

function relationIssues(config: ResolvedConfig): string[] {
  const issues: string[] = [];
  const { electionTicks } = config;
  if (electionTicks <= config.heartbeatTicks) {
    issues.push(
      `electionTicks (${electionTicks}) is not above heartbeatTicks (${config.heartbeatTicks})`,
    );
  }
  if (!(Number.isSafeInteger(config.maxElectionTicks) && config.maxElectionTicks > electionTicks)) {
    issues.push(
      `maxElectionTicks (${config.maxElectionTicks}) is not above electionTicks (${electionTicks})`,
    );
  }
  if (config.maxInflightBytes < config.maxMessageBytes) {
    issues.push("maxInflightBytes is below maxMessageBytes: a full append would never fit");
  }
  if (config.readMode === "lease" && !config.checkQuorum) {
    issues.push("readMode (lease) needs checkQuorum");
  }
  return issues;
}
