import type { NodeSettings, NodeStatus } from "@holdfast/core";

/** A closed loop of puts inside one member's process. */
export interface LoadPlan {
  /** Number of the first key; every put takes the next one. */
  readonly firstKey: number;
  readonly valueBytes: number;
  /** Puts whose outcome is open at any time. */
  readonly inFlight: number;
  /** Puts of this long come first and are not counted. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Keys begin again after so many; without it, every key is new. */
  readonly distinctKeys?: number;
}

export interface LoadResult {
  /** Puts acknowledged in `seconds`. */
  readonly puts: number;
  readonly seconds: number;
  /** Puts acknowledged at all, those of the warm-up among them. */
  readonly total: number;
  /** Milliseconds from the call to the acknowledgement, in ascending order. */
  readonly latencies: Float64Array;
}

/** A run of consecutive keys. */
export interface KeyRange {
  readonly firstKey: number;
  readonly count: number;
  readonly valueBytes: number;
}

/** What a restarted node took: milliseconds from the call of `openNode`. */
export interface Reopened {
  /** Until `openNode` resolved. */
  readonly opened: number;
  /** Until a linearizable read was answered. */
  readonly served: number;
}

/** Processor time of one process, all its threads, in seconds. */
export interface ProcessorTime {
  readonly user: number;
  readonly system: number;
}

/** What the main program can have done inside a member's process. */
export interface Tasks {
  open(settings: NodeSettings): Promise<void>;
  /** Opens the node and reads one key, linearizably; the value must be the one that the key's number gives. */
  reopen(options: { readonly settings: NodeSettings; readonly probe: KeyRange }): Promise<Reopened>;
  load(plan: LoadPlan): Promise<LoadResult>;
  /** Puts every key of the range, `inFlight` of them at a time. */
  fill(range: KeyRange & { readonly inFlight: number }): Promise<void>;
  /** Puts every key of the range at once. */
  put(range: KeyRange): Promise<void>;
  /** Which of the keys numbered in `acknowledged` are not in this member's own copy, or have another value. */
  missing(expected: {
    readonly acknowledged: Float64Array;
    readonly valueBytes: number;
  }): Promise<readonly number[]>;
  status(nothing: undefined): Promise<NodeStatus>;
  processorTime(nothing: undefined): Promise<ProcessorTime>;
  close(nothing: undefined): Promise<void>;
}

/** A request from the main program. */
export interface Request {
  readonly id: number;
  readonly task: keyof Tasks;
  readonly argument: unknown;
}

/** The answer to the request with the same `id`: a result, or why there is none. */
export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly failure?: string;
}
