import type { HoldfastNode } from "@holdfast/core";
import { renderTrace } from "../report/html-report.ts";
import { formatTraceEvent, type TraceEvent } from "../trace/trace.ts";
import type { Workload } from "../workloads/workload.ts";
import { minimise } from "./minimise.ts";
import type { SimulationPlan } from "./plan.ts";
import { planOf, tracePlan } from "./run.ts";

/** A run as a person reads it. */
export interface Explanation {
  /** What is left of the plan. */
  readonly summary: string;
  /** What happened, line by line. */
  readonly lines: readonly string[];
  /** The same as a self-contained HTML page. */
  readonly page: string;
  /** Simulations that it took to make the plan small. */
  readonly runs: number;
}

export interface ExplainOptions {
  /** Every line, also the ones that rarely matter. */
  readonly all?: boolean;
}

/** Lines before the violation that are shown. */
const MAX_LINES = 160;

/** Runs a seed; when it fails, makes its plan as small as it can be made to fail by the same invariant; tells what happened. */
export async function explain<Node extends HoldfastNode>(
  seed: number,
  workload: Workload<Node>,
  { all = false }: ExplainOptions = {},
): Promise<Explanation> {
  const { plan, runs } = await minimise(planOf(seed, workload), workload);
  const { outcome, trace } = await tracePlan(plan, workload);
  const shown = all ? trace : important(trace);
  const nodes = [...new Set(trace.flatMap(({ node }) => (node === undefined ? [] : [node])))];
  const { violation } = outcome;
  return {
    summary: describePlan(plan),
    lines: shown.map(formatTraceEvent),
    page: renderTrace(shown, {
      title: `Seed ${seed}, workload ${workload.name}`,
      nodes: nodes.sort((a, b) => a - b),
      ...(violation === undefined ? {} : { invariant: violation.message }),
    }),
    runs,
  };
}

/** The last lines, without the beat of the hearts; before them, what every node was last seen to become. */
function important(trace: readonly TraceEvent[]): readonly TraceEvent[] {
  const told = trace.filter(({ kind, text }) => kind !== "message" || !isBeat(text));
  const cut = Math.max(0, told.length - MAX_LINES);
  const became = new Map<number, TraceEvent>();
  for (const event of told.slice(0, cut)) {
    if (event.kind === "node" && event.node !== undefined && isState(event.text)) {
      became.set(event.node, event);
    }
  }
  return [...[...became.values()].sort((x, y) => x.at - y.at), ...told.slice(cut)];
}

/** Whether it says what a node is from then on, rather than what happened to it. */
function isState(text: string): boolean {
  return / in term \d+$/.test(text) || /^(killed|power lost|failed)/.test(text);
}

function isBeat(text: string): boolean {
  return text.split("; ").every((message) => message.startsWith("Heartbeat"));
}

function describePlan({
  nodes,
  clients,
  chaosMs,
  network,
  disks,
  planned,
}: SimulationPlan): string {
  const byChance = Object.entries({ ...network, ...disks }).filter(([, value]) => value > 0);
  return [
    `  ${nodes} nodes, ${clients} clients, faults for ${chaosMs.toFixed(0)} ms`,
    ...byChance.map(([kind, value]) => `  ${kind}: ${value.toFixed(4)} per operation`),
    ...planned.map(
      ({ at, kind, durationMs }) =>
        `  ${at.toFixed(1)} ms: ${kind}, for ${durationMs.toFixed(0)} ms`,
    ),
  ].join("\n");
}
