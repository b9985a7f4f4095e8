import type { NodeSettings, NodeStatus } from "@holdfast/core";

/** One row to store: a key and a value, both text. */
export type Row = readonly [key: string, value: string];

/** What the main program asks a member process for. Every request gets one answer with its `id`. */
export type Request =
  | { readonly type: "open"; readonly settings: NodeSettings }
  /** Puts every row on its own; they share log entries because they share a turn of the event loop. */
  | { readonly type: "put"; readonly rows: readonly Row[] }
  /** Up to `limit` rows behind `after`, from this member's own copy. */
  | { readonly type: "page"; readonly after: string; readonly limit: number }
  | { readonly type: "prefix"; readonly prefix: string; readonly limit: number }
  | { readonly type: "status" }
  | { readonly type: "close" };

export type Answer =
  | { readonly type: "done" }
  | { readonly type: "rows"; readonly rows: readonly Row[] }
  | { readonly type: "status"; readonly status: NodeStatus }
  | { readonly type: "failed"; readonly message: string };

export interface Envelope<Body> {
  readonly id: number;
  readonly body: Body;
}
