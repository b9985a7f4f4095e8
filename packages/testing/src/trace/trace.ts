/** One thing that happened in a simulation, as a person reads it. */
export interface TraceEvent {
  /** True time in milliseconds. */
  readonly at: number;
  /**
   * - `message`: a frame on its way from `node` to `to`;
   * - `fault`: something that was done to the cluster;
   * - `node`: a node started, stopped, changed its role, installed a snapshot, ...;
   * - `client`: an operation began or ended;
   * - `disk`: a fault that a disk showed;
   * - `check`: an invariant was broken.
   */
  readonly kind: "message" | "fault" | "node" | "client" | "disk" | "check";
  /** Where: the id of a node. Absent: the whole cluster, or a client. */
  readonly node?: number;
  /** Messages only: the receiver. */
  readonly to?: number;
  /** Messages only: when it arrives; absent when it was lost, infinite while it waits for a cut to heal or a receiver to read. */
  readonly arrivesAt?: number;
  readonly text: string;
}

/** Takes what happens. `undefined` stands for nobody who listens: then no text is made. */
export type TraceSink = (event: TraceEvent) => void;

/** One line per event; the same events give the same bytes. */
export function formatTraceEvent({ at, kind, node, to, arrivesAt, text }: TraceEvent): string {
  const where = node === undefined ? "" : to === undefined ? ` ${node}` : ` ${node}->${to}`;
  const arrival = kind === "message" ? ` ${arrivalText(at, arrivesAt)}` : "";
  return `${at.toFixed(3).padStart(11)} ${kind.padEnd(7)}${where}: ${text}${arrival}`;
}

function arrivalText(at: number, arrivesAt: number | undefined): string {
  if (arrivesAt === undefined) return "LOST";
  return arrivesAt === Infinity ? "WAITS" : `(+${(arrivesAt - at).toFixed(3)})`;
}
