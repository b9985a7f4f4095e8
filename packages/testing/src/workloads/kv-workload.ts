import { type DatabaseNode, HoldfastError, openNode } from "@holdfast/core";
import { checkHistory } from "../checker/check-history.ts";
import { ProcessDied } from "../cluster/host.ts";
import type { HistoryResult } from "../history/history.ts";
import { HistoryRecorder } from "../history/recorder.ts";
import type { SettledOperation } from "../invariants/invariant.ts";
import type { PlanShape } from "../simulation/plan.ts";
import { NoNode } from "./clients.ts";
import { ALL_KEYS, drawAction, type KvAction, readAction } from "./kv-operations.ts";
import type { Workload, WorkloadClient, WorkloadContext, WorkloadRun } from "./workload.ts";

export interface KvWorkloadOptions {
  readonly name: string;
  readonly shape: PlanShape;
  /** Longest value, in characters. */
  readonly padding: number;
}

/** Clients of the database: puts, deletes, atomic batches, reads and scans, recorded and checked for linearizability. */
export function kvWorkload({ name, shape, padding }: KvWorkloadOptions): Workload<DatabaseNode> {
  return {
    name,
    shape,
    open: ({ settings, platform, process, stores }) =>
      openNode({ ...settings, platform, engine: stores.engine(process) }),
    begin: (context) => new KvRun(context, padding),
  };
}

/** The first process number of the checks at the end; clients count from 1. */
const CHECKING_PROCESS = 1_000;

class KvRun implements WorkloadRun<DatabaseNode> {
  readonly #context: WorkloadContext<DatabaseNode>;
  readonly #padding: number;
  readonly #recorder: HistoryRecorder;
  #values = 0;

  constructor(context: WorkloadContext<DatabaseNode>, padding: number) {
    this.#context = context;
    this.#padding = padding;
    this.#recorder = new HistoryRecorder({ now: () => context.now() });
  }

  async step(client: WorkloadClient<DatabaseNode>): Promise<void> {
    const action = drawAction(
      client.random,
      () => `${client.id}-${(this.#values += 1)}`,
      this.#padding,
    );
    await this.#carryOut(action, client.id, (run) => client.call(run));
  }

  async #carryOut(
    action: KvAction,
    process: number,
    call: <T>(run: (node: DatabaseNode) => Promise<T>) => Promise<T>,
  ): Promise<void> {
    const recorder = this.#recorder;
    const id = recorder.invoke(process, action.operation);
    this.#context.began(id);
    this.#context.tell(() => `client ${process} #${id}: ${JSON.stringify(action.operation)}`);
    try {
      const result = await call((node) => action.run(node));
      recorder.ok(id, result);
      this.#context.tell(() => `client ${process} #${id}: ok ${JSON.stringify(result)}`);
      this.#context.settled({ id, outcome: "ok", ...placeOf(result) });
    } catch (error) {
      this.#ended(action, id, process, error);
    }
  }

  #ended(action: KvAction, id: number, process: number, error: unknown): void {
    const context = this.#context;
    const outcome = outcomeOf(action, error);
    const reason = error instanceof Error ? error.message : String(error);
    context.tell(() => `client ${process} #${id}: ${outcome}: ${reason}`);
    context.coverage.hit(`${action.isWrite ? "write" : "read"}: ${outcome}`);
    switch (outcome) {
      case "unexpected":
        context.violated("unexpected-error", `${action.operation.type} ended with: ${reason}`);
        return;
      case "unknown":
        this.#recorder.unknown(id, reason);
        context.settled({ id, outcome: "unknown" });
        return;
      case "failed":
      case "not-committed":
        this.#recorder.fail(id, reason);
        context.settled({ id, outcome });
        return;
    }
  }

  async probe(node: DatabaseNode, attempt: number): Promise<void> {
    await node.db.put("probe", attempt.toString());
  }

  async check(nodes: readonly DatabaseNode[]): Promise<void> {
    for (const node of nodes) {
      // At once, so that they share a round; each as a process of its own, since a process does one thing at a time.
      await Promise.all(
        ALL_KEYS.map((key, i) =>
          this.#carryOut(readAction(key), CHECKING_PROCESS + i, (run) => run(node)),
        ),
      );
    }
    const { verdict, window } = checkHistory(this.#recorder.events, { model: "kv" });
    this.#context.coverage.hit(`history: ${verdict}`);
    if (verdict === "not-linearizable") {
      this.#context.violated("linearizability", JSON.stringify(window));
    }
  }
}

/** Where a result stands in the history, as far as it says so. */
function placeOf(result: HistoryResult): Pick<SettledOperation, "revision" | "readIndex"> {
  if (result.type === "write") {
    return result.revision === undefined ? {} : { revision: result.revision };
  }
  return result.index === undefined ? {} : { readIndex: result.index };
}

type Outcome = "not-committed" | "unknown" | "failed" | "unexpected";

function outcomeOf({ isWrite }: KvAction, error: unknown): Outcome {
  if (error instanceof NoNode) return "failed";
  if (error instanceof ProcessDied) return isWrite ? "unknown" : "failed";
  const cause = holdfastErrorIn(error);
  if (cause === undefined) return "unexpected";
  if (!isWrite) return "failed";
  switch (cause.code) {
    case "UNKNOWN":
      return "unknown";
    case "NOT_COMMITTED":
      return "not-committed";
    case "CLOSED":
    case "STOPPED":
    case "OVERLOADED":
      return "failed";
    case "UNAVAILABLE":
    case "TOO_LARGE":
    case "COMPACTED":
    case "STALE":
    case "SWITCHED":
    case "CORRUPT":
    case "LOCKED":
    case "IDENTITY":
    case "ADDRESS":
    case "MEMBERSHIP":
    case "UNSUPPORTED":
      return "unexpected";
  }
}

/** What abstract-level reports in its own way has the node's error as its cause. */
function holdfastErrorIn(error: unknown): HoldfastError | undefined {
  let next = error;
  while (next instanceof Error) {
    if (next instanceof HoldfastError) return next;
    next = next.cause;
  }
  return undefined;
}
