/** Prints what goes in and out of a core as the recordings print it. */
import { decodeConfChange } from "../src/conf-change-codec.ts";
import {
  APPEND_THREAD,
  APPLY_THREAD,
  NONE,
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  type MessageType,
  type NodeId,
  type Role,
  type Snapshot,
  type SoftState,
} from "../src/message.ts";
import type { ProgressState, ProgressView } from "../src/progress.ts";
import type { Ready } from "../src/ready.ts";
import { describeChanges } from "./conf-change-text.ts";

const ROLES: Readonly<Record<Role, string>> = {
  follower: "StateFollower",
  preCandidate: "StatePreCandidate",
  candidate: "StateCandidate",
  leader: "StateLeader",
};

const PROGRESS_STATES: Readonly<Record<ProgressState, string>> = {
  probe: "StateProbe",
  replicate: "StateReplicate",
  snapshot: "StateSnapshot",
};

/** The names of messages in the recordings. */
export const MESSAGE_NAMES: Readonly<Record<MessageType, string>> = {
  AppendEntries: "MsgApp",
  AppendEntriesResponse: "MsgAppResp",
  RequestVote: "MsgVote",
  RequestVoteResponse: "MsgVoteResp",
  PreVote: "MsgPreVote",
  PreVoteResponse: "MsgPreVoteResp",
  InstallSnapshot: "MsgSnap",
  Heartbeat: "MsgHeartbeat",
  HeartbeatResponse: "MsgHeartbeatResp",
  TimeoutNow: "MsgTimeoutNow",
  Propose: "MsgProp",
  ReadIndex: "MsgReadIndex",
  ReadIndexResponse: "MsgReadIndexResp",
  TransferLeader: "MsgTransferLeader",
  Campaign: "MsgHup",
  Beat: "MsgBeat",
  CheckQuorum: "MsgCheckQuorum",
  Unreachable: "MsgUnreachable",
  SnapshotStatus: "MsgSnapStatus",
  ForgetLeader: "MsgForgetLeader",
  StorageAppend: "MsgStorageAppend",
  StorageAppendResponse: "MsgStorageAppendResp",
  StorageApply: "MsgStorageApply",
  StorageApplyResponse: "MsgStorageApplyResp",
};

export function describeRole(role: Role): string {
  return ROLES[role];
}

function describeTarget(id: NodeId): string {
  if (id === NONE) return "None";
  if (id === APPEND_THREAD) return "AppendThread";
  return id === APPLY_THREAD ? "ApplyThread" : id.toString(16);
}

/** `1/12 EntryNormal "prop"`. */
function describeEntry(entry: Entry): string {
  const head = `${entry.term}/${entry.index} Entry${entry.type}`;
  if (entry.type === "Normal") return `${head} ${quote(entry.data)}`;
  const changes = describeChanges(decodeConfChange(entry.type, entry.data).changes);
  return changes === "" ? head : `${head} ${changes}`;
}

export function describeEntries(entries: readonly Entry[]): string {
  return entries.map((entry) => `${describeEntry(entry)}\n`).join("");
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
};

/** As a Go string literal. Everything beyond printable ASCII is written byte by byte. */
function quote(data: Uint8Array): string {
  let out = "";
  for (const byte of data) {
    const char = String.fromCharCode(byte);
    const printable = byte >= 0x20 && byte < 0x7f;
    out += ESCAPES[char] ?? (printable ? char : `\\x${byte.toString(16).padStart(2, "0")}`);
  }
  return `"${out}"`;
}

function describeHardState(state: HardState): string {
  const vote = state.vote === NONE ? "" : ` Vote:${state.vote}`;
  return `Term:${state.term}${vote} Commit:${state.commit}`;
}

function describeSoftState(state: SoftState): string {
  return `Lead:${state.leader} State:${describeRole(state.role)}`;
}

function describeSnapshot({ metadata }: Snapshot): string {
  const state = describeConfState(metadata.confState);
  return `Index:${metadata.index} Term:${metadata.term} ConfState:${state}`;
}

export function describeConfState(state: ConfState): string {
  const list = (ids: readonly NodeId[]): string => `[${ids.join(" ")}]`;
  return (
    `Voters:${list(state.voters)} VotersOutgoing:${list(state.votersOutgoing)} ` +
    `Learners:${list(state.learners)} LearnersNext:${list(state.learnersNext)} AutoLeave:${state.autoLeave}`
  );
}

/** `StateReplicate match=13 next=14 paused inflight=3[full]`. */
export function describeProgress(progress: ProgressView): string {
  let out = `${PROGRESS_STATES[progress.state]} match=${progress.match} next=${progress.next}`;
  if (progress.isLearner) out += " learner";
  if (progress.paused) out += " paused";
  if (progress.pendingSnapshot > 0) out += ` pendingSnap=${progress.pendingSnapshot}`;
  if (!progress.recentActive) out += " inactive";
  if (progress.inflight > 0) out += ` inflight=${progress.inflight}`;
  return progress.inflight > 0 && progress.inflightFull ? `${out}[full]` : out;
}

/** The fields of a message that the recordings print; a type that lacks one prints its zero value. */
interface Printed {
  readonly type: MessageType;
  readonly logTerm?: number;
  readonly index?: number;
  readonly reject?: boolean;
  readonly rejectHint?: number;
  readonly commit?: number;
  readonly vote?: NodeId;
  readonly priority?: number;
  readonly entries?: readonly Entry[];
  readonly snapshot?: Snapshot;
  readonly responses?: readonly Message[];
}

function printedFields(message: Message): Printed {
  if (message.type !== "StorageAppend") return message;
  const { hardState, ...rest } = message;
  return hardState === undefined
    ? rest
    : { ...rest, vote: hardState.vote, commit: hardState.commit };
}

/** `1->2 MsgApp Term:1 Log:1/11 Commit:12 Entries:[1/12 EntryNormal ""]`, on several lines where it carries several things. */
export function describeMessage(message: Message, indent = ""): string {
  const printed = printedFields(message);
  const { entries = [], responses = [], snapshot } = printed;
  const target = `${describeTarget(message.from)}->${describeTarget(message.to)}`;
  let out = `${indent}${target} ${MESSAGE_NAMES[message.type]} Term:${message.term}`;
  out += ` Log:${printed.logTerm ?? 0}/${printed.index ?? 0}`;
  if (printed.reject === true) out += ` Rejected (Hint: ${printed.rejectHint ?? 0})`;
  if (printed.commit !== undefined && printed.commit !== 0) out += ` Commit:${printed.commit}`;
  if (printed.vote !== undefined && printed.vote !== NONE) out += ` Vote:${printed.vote}`;
  // Two fields that the recordings do not know: both print nothing where only etcd's features are used.
  if (printed.priority !== undefined && printed.priority !== 0) {
    out += ` Priority:${printed.priority}`;
  }
  if (message.type === "ReadIndex" || message.type === "ReadIndexResponse") {
    out += ` Token:${message.readToken}`;
  }
  const [first] = entries;
  if (first !== undefined && entries.length === 1) {
    out += ` Entries:[${describeEntry(first)}]`;
  } else if (entries.length > 1) {
    const lines = entries.map((entry) => `\n${indent}  ${describeEntry(entry)}`);
    out += ` Entries:[${lines.join("")}\n${indent}]`;
  }
  if (snapshot !== undefined && snapshot.metadata.index > 0) {
    out += `\n${indent}  Snapshot: ${describeSnapshot(snapshot)}`;
  }
  if (responses.length > 0) {
    const lines = responses.map((response) => `\n${describeMessage(response, `${indent}  `)}`);
    out += ` Responses:[${lines.join("")}\n${indent}]`;
  }
  return out;
}

export function describeReady(ready: Ready): string {
  const { softState, hardState, snapshot } = ready;
  let out = "";
  if (softState !== undefined) out += `${describeSoftState(softState)}\n`;
  if (hardState !== undefined) out += `HardState ${describeHardState(hardState)}\n`;
  for (const { index, token } of ready.readStates)
    out += `ReadState Index:${index} Token:${token}\n`;
  if (ready.entries.length > 0) out += `Entries:\n${describeEntries(ready.entries)}`;
  if (snapshot !== undefined) out += `Snapshot ${describeSnapshot(snapshot)}\n`;
  if (ready.committedEntries.length > 0) {
    out += `CommittedEntries:\n${describeEntries(ready.committedEntries)}`;
  }
  if (ready.messages.length > 0) {
    out += `Messages:\n${ready.messages.map((message) => `${describeMessage(message)}\n`).join("")}`;
  }
  return out === "" ? "<empty Ready>" : `Ready MustSync=${ready.mustSync}:\n${out}`;
}
