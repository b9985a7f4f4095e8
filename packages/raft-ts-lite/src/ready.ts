import type {
  Entry,
  HardState,
  Message,
  ReadState,
  Snapshot,
  SoftState,
  StorageAppend,
  StorageAppendResponse,
  StorageApply,
  StorageApplyResponse,
} from "./message.ts";
import { APPEND_THREAD, APPLY_THREAD } from "./message.ts";
import type { Raft } from "./raft.ts";

/**
 * Everything that has to happen outside now.
 *
 * Without `asyncStorageWrites`: write `snapshot`, `entries` and `hardState`, sync when `mustSync`, and only then send
 * `messages`, all in one go or in this order; apply `snapshot` and then `committedEntries`, calling `applyConfChange` for
 * each configuration change, and then call `advance`.
 *
 * With `asyncStorageWrites`: only send `messages`. Those to `APPEND_THREAD` and `APPLY_THREAD` hold what is to be written
 * and applied, and the messages that may leave only afterwards; the fields say the same for information.
 */
export interface Ready {
  /** Absent: unchanged. Volatile. */
  readonly softState?: SoftState;
  /** Absent: unchanged. */
  readonly hardState?: HardState;
  /** Reads that the state at their index, or a later one, answers. */
  readonly readStates: readonly ReadState[];
  /** To be appended to the log, over what lies at and behind the first of them. */
  readonly entries: readonly Entry[];
  /** Replaces log and state. */
  readonly snapshot?: Snapshot;
  /** To be applied, in order. */
  readonly committedEntries: readonly Entry[];
  readonly messages: readonly Message[];
  /** Whether what is written must be on disk before anything is sent. A commit index alone need not be. */
  readonly mustSync: boolean;
}

/** What one `Ready` hands to the storage. */
export interface Handout {
  readonly entries: readonly Entry[];
  readonly hardState: HardState | undefined;
  readonly snapshot: Snapshot | undefined;
}

/** The message to the append thread; undefined when nothing is to be written and nothing waits for a write. */
export function storageAppendOf(raft: Raft, handout: Handout): StorageAppend | undefined {
  const { entries, hardState, snapshot } = handout;
  const waiting = raft.messagesAfterAppend;
  const idle = entries.length === 0 && hardState === undefined && snapshot === undefined;
  if (idle && waiting.length === 0) return undefined;
  // A leader's acknowledgement of its own entries goes before the response that moves them out of the unstable tail:
  // their terms are still at hand then.
  const response = storageAppendResponseOf(raft, handout);
  return {
    type: "StorageAppend",
    to: APPEND_THREAD,
    from: raft.id,
    term: hardState?.term ?? 0,
    entries,
    ...(hardState && { hardState }),
    ...(snapshot && { snapshot }),
    responses: response === undefined ? waiting : [...waiting, response],
  };
}

/**
 * The news that the storage holds what was handed out; undefined when nobody needs it. It names the end of the log as
 * of now, also when these entries were handed out earlier: should they be replaced and then put back by other leaders,
 * the first write to finish must not pass for the last, so each write, even of a HardState alone, confirms afresh. It
 * carries the term for the same reason: of an earlier term, it confirms nothing.
 */
export function storageAppendResponseOf(
  raft: Raft,
  { snapshot }: Handout,
): StorageAppendResponse | undefined {
  const { log } = raft;
  const unstable = log.unstable.length > 0;
  if (!unstable && snapshot === undefined) return undefined;
  return {
    type: "StorageAppendResponse",
    to: raft.id,
    from: APPEND_THREAD,
    term: raft.term,
    logTerm: unstable ? log.lastTerm() : 0,
    index: unstable ? log.lastIndex() : 0,
    ...(snapshot && { snapshot }),
  };
}

/** The message to the apply thread. Committed entries belong to no particular term. */
export function storageApplyOf(raft: Raft, entries: readonly Entry[]): StorageApply {
  const responses = [storageApplyResponseOf(raft, entries)];
  return { type: "StorageApply", to: APPLY_THREAD, from: raft.id, term: 0, entries, responses };
}

export function storageApplyResponseOf(
  raft: Raft,
  entries: readonly Entry[],
): StorageApplyResponse {
  return { type: "StorageApplyResponse", to: raft.id, from: APPLY_THREAD, term: 0, entries };
}
