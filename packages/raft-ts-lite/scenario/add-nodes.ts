import type { RaftConfig } from "../src/config.ts";
import type { NodeId, Snapshot } from "../src/message.ts";
import { parseBoolean, parseInteger } from "./arguments.ts";
import { ScenarioError, type Stanza } from "./datadriven.ts";
import { CommandError } from "./errors.ts";

/** What the nodes of one `add-nodes` have in common. */
export interface NodeTemplate {
  readonly settings: Omit<RaftConfig, "id" | "storage" | "priority">;
  /** In the order of the nodes; missing ones are 0. */
  readonly priorities: readonly number[];
  readonly snapshot: Snapshot;
}

type Settings = {
  -readonly [Key in keyof NodeTemplate["settings"]]: NodeTemplate["settings"][Key];
};

/** What is being put together while the arguments are read. */
interface Draft {
  readonly settings: Settings;
  readonly voters: NodeId[];
  readonly learners: NodeId[];
  readonly priorities: number[];
  index: number;
  data: Uint8Array;
}

type Option = (draft: Draft, value: string) => void;

// Election timeouts are the shortest possible, always: what a scenario shows must not depend on them, or it sets them.
const LOWEST = { integer: (lo: number): number => lo };

/** The recordings' options. */
const ETCD_OPTIONS: Readonly<Record<string, Option>> = {
  voters: ({ voters }, value) => void voters.push(parseInteger(value)),
  learners: ({ learners }, value) => void learners.push(parseInteger(value)),
  inflight: ({ settings }, value) => (settings.maxInflightMessages = parseInteger(value)),
  index: (draft, value) => {
    draft.index = parseInteger(value);
    draft.settings.applied = draft.index;
  },
  content: (draft, value) => (draft.data = new TextEncoder().encode(value)),
  "async-storage-writes": ({ settings }, value) =>
    (settings.asyncStorageWrites = parseBoolean(value)),
  "max-committed-size-per-ready": ({ settings }, value) =>
    (settings.maxCommittedBytesPerReady = parseInteger(value)),
  checkquorum: ({ settings }, value) => (settings.checkQuorum = parseBoolean(value)),
  prevote: ({ settings }, value) => (settings.preVote = parseBoolean(value)),
  "disable-conf-change-validation": ({ settings }, value) =>
    (settings.disableConfChangeValidation = parseBoolean(value)),
  "read-only": ({ settings }, value) => {
    if (value !== "safe" && value !== "lease-based") {
      throw new CommandError(`invalid read-only option "${value}"`);
    }
    settings.readMode = value === "safe" ? "safe" : "lease";
  },
  "step-down-on-removal": ({ settings }, value) =>
    (settings.stepDownOnRemoval = parseBoolean(value)),
};

/** Ours, for what the recordings do not cover. */
const OWN_OPTIONS: Readonly<Record<string, Option>> = {
  priority: ({ priorities }, value) => void priorities.push(parseInteger(value)),
  "inflight-bytes": ({ settings }, value) => (settings.maxInflightBytes = parseInteger(value)),
  "max-message-bytes": ({ settings }, value) => (settings.maxMessageBytes = parseInteger(value)),
  "max-entries-per-message": ({ settings }, value) =>
    (settings.maxEntriesPerMessage = parseInteger(value)),
  "max-uncommitted-bytes": ({ settings }, value) =>
    (settings.maxUncommittedBytes = parseInteger(value)),
  "disable-proposal-forwarding": ({ settings }, value) =>
    (settings.disableProposalForwarding = parseBoolean(value)),
  "election-ticks": ({ settings }, value) => (settings.electionTicks = parseInteger(value)),
  "lease-drift-ticks": ({ settings }, value) => (settings.leaseDriftTicks = parseInteger(value)),
};

/** Reads the options of an `add-nodes`. */
export function parseTemplate(stanza: Stanza): NodeTemplate {
  const draft: Draft = {
    settings: {
      electionTicks: 3,
      heartbeatTicks: 1,
      random: LOWEST,
      maxInflightMessages: Infinity,
    },
    voters: [],
    learners: [],
    priorities: [],
    index: 0,
    data: new Uint8Array(0),
  };
  for (const { key, values } of stanza.args.slice(1)) {
    const option = ETCD_OPTIONS[key] ?? OWN_OPTIONS[key];
    if (option === undefined) throw new ScenarioError(`unknown option (${key})`);
    for (const value of values) option(draft, value);
  }
  const { voters, learners, index, data } = draft;
  const confState = { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false };
  const bootstrap = voters.length + learners.length + data.length + index > 0;
  const metadata = { index, term: bootstrap ? 1 : 0, confState };
  return { settings: draft.settings, priorities: draft.priorities, snapshot: { metadata, data } };
}
