import type { HistoryOperation, HistoryResult } from "@holdfast/testing/history";

/** What the orchestrator asks a member's process for. */
export type Request =
  | { readonly type: "operation"; readonly operation: HistoryOperation }
  | { readonly type: "status" }
  /** Up to `limit` rows behind the key `after`, as this replica has them. */
  | { readonly type: "content"; readonly after: string; readonly limit: number };

/** A request, with the number that its answer will carry. */
export interface Envelope {
  readonly id: number;
  readonly request: Request;
}

/** How an operation ended, by what a client may conclude from it. */
export type Outcome =
  | { readonly type: "ok"; readonly result: HistoryResult }
  /** It had no effect and never will. */
  | { readonly type: "fail"; readonly reason: string }
  /** It may have taken effect, or may still do so. */
  | { readonly type: "unknown"; readonly reason: string };

/** Where a member stands. */
export interface MemberStatus {
  readonly leader: number | undefined;
  readonly term: number;
  readonly commit: number;
  readonly applied: number;
  /** Chained over everything that was applied. */
  readonly stateHash: string;
  /** What this process takes for the time of day, in milliseconds. */
  readonly wallMs: number;
}

/** One key as a replica has it. `modify`: the revision of the write that it shows, as `index.position`. */
export interface Row {
  readonly key: string;
  readonly value: string;
  readonly modify: { readonly index: number; readonly position: number };
}

/** What a member's process answers. */
export type Answer =
  | { readonly type: "outcome"; readonly outcome: Outcome }
  | { readonly type: "status"; readonly status: MemberStatus }
  | { readonly type: "rows"; readonly rows: readonly Row[] }
  | { readonly type: "refused"; readonly reason: string };

/** What a member's process says. */
export type MemberMessage =
  | { readonly type: "open" }
  /** It could not open, or stopped itself; the process ends. */
  | { readonly type: "stopped"; readonly reason: string }
  | { readonly type: "answer"; readonly id: number; readonly answer: Answer };
