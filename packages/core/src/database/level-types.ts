// What abstract-level passes to the methods that its implementations override. Its own declarations leave these methods out.
import { AbstractSnapshot, type AbstractLevel } from "abstract-level";
import type { KeyRange } from "../kv/store-keys.ts";

/** Options of `_get`, `_getMany`, `_has` and `_hasMany`. */
export interface PointReadOptions {
  readonly snapshot?: AbstractSnapshot | null | undefined;
}

/** Options of `_iterator`, `_keys` and `_values`. Bounds are encoded; `keys` and `values` are missing from the latter two. */
export interface RangeReadOptions extends KeyRange {
  readonly reverse: boolean;
  /** -1: no limit. */
  readonly limit: number;
  readonly keys?: boolean;
  readonly values?: boolean;
  readonly snapshot?: AbstractSnapshot | null | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options of `_clear`. */
export interface ClearOptions extends KeyRange {
  readonly reverse: boolean;
  /** -1: no limit. */
  readonly limit: number;
  readonly snapshot?: AbstractSnapshot | null | undefined;
}

/** An operation of `_batch`, encoded. */
export type BatchOperation = (
  | { readonly type: "put"; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: "del"; readonly key: Buffer }
) & {
  /** Set only when it belongs to a sublevel of another database. */
  readonly sublevel?: object | null;
};

/** The read index that the local state is known to have reached: the snapshot is as recent as a linearizable read must be. */
export const READ_INDEX: unique symbol = Symbol("readIndex");

/** Options of `_snapshot`. */
export interface SnapshotOptions {
  /** The database or sublevel with which the snapshot is closed. */
  readonly owner: AbstractLevel<Buffer>;
  readonly [READ_INDEX]?: number;
}

/** `AbstractSnapshot` with the constructor that its documentation has and its declaration lacks. */
export const OwnedSnapshot: new (options: SnapshotOptions) => AbstractSnapshot = AbstractSnapshot;
