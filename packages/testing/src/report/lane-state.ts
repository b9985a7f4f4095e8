import type { TraceEvent } from "../trace/trace.ts";

/** What a node is, as far as the trace tells. */
export type LaneState =
  "unknown" | "follower" | "preCandidate" | "candidate" | "leader" | "down" | "failed";

/** A time in which a node was the same. */
export interface LanePhase {
  readonly state: LaneState;
  /** The event that began it; -1: what came before the trace. */
  readonly from: number;
  /** The event that ended it, or the number of events. */
  readonly to: number;
  /** The term, where it is known. */
  readonly term?: string;
}

const ROLE = /^(follower|preCandidate|candidate|leader) in term (\d+)/;

/** What this node was from event to event. */
export function lanePhases(events: readonly TraceEvent[], node: number): readonly LanePhase[] {
  const phases: LanePhase[] = [];
  let current: Omit<LanePhase, "to"> = { state: "unknown", from: -1 };
  for (const [place, event] of events.entries()) {
    const next = event.kind === "node" && event.node === node ? begunBy(event.text) : undefined;
    if (next === undefined) continue;
    phases.push({ ...current, to: place });
    current = { ...next, from: place };
  }
  return [...phases, { ...current, to: events.length }];
}

function begunBy(text: string): Omit<LanePhase, "from" | "to"> | undefined {
  const [, role, term] = ROLE.exec(text) ?? [];
  if (role !== undefined && term !== undefined) return { state: role as LaneState, term };
  if (text === "killed" || text === "power lost") return { state: "down" };
  if (text.startsWith("failed")) return { state: "failed" };
  return text === "opened" ? { state: "unknown" } : undefined;
}
