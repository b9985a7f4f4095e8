import { FrameTap } from "@holdfast/core/inspection";
import type { Message } from "raft-ts-lite";
import type { TraceSink } from "../trace/trace.ts";
import type { CutFrame } from "./frame-cutter.ts";
import { messagesText } from "./message-text.ts";
import type { FrameFate, FrameObserver, ObservedFrame } from "./observed-frame.ts";

const NO_MESSAGES: readonly Message[] = [];

/** Shows frames to whoever wants to see them, and reads them only then. */
export class FrameWatch {
  readonly #observers: FrameObserver[] = [];
  readonly #trace: TraceSink | undefined;
  readonly #tap = new FrameTap();

  constructor(trace: TraceSink | undefined) {
    this.#trace = trace;
  }

  observe(observer: FrameObserver): void {
    this.#observers.push(observer);
  }

  get isIdle(): boolean {
    return this.#observers.length === 0 && this.#trace === undefined;
  }

  /** The messages of a frame; none when nobody wants to see them. */
  read({ kind, bytes }: CutFrame): readonly Message[] {
    if (this.isIdle || kind !== "messages") return NO_MESSAGES;
    return this.#tap.push(bytes)[0]?.messages ?? NO_MESSAGES;
  }

  show(frame: Omit<ObservedFrame, "arrivesAt">, arrivesAt: number | undefined): void {
    if (this.isIdle) return;
    const shown: ObservedFrame = arrivesAt === undefined ? frame : { ...frame, arrivesAt };
    for (const observer of this.#observers) observer(shown);
    if (this.#trace !== undefined) this.#trace(traceEvent(shown));
  }
}

function traceEvent(frame: ObservedFrame): Parameters<TraceSink>[0] {
  const { from, to, sentAt, kind, messages, fate, arrivesAt } = frame;
  const what = kind === "messages" ? messagesText(messages) : kind;
  const event = { at: sentAt, kind: "message", node: from, to } as const;
  const text = what + remark(fate);
  const arrival = fate === "held" ? Infinity : arrivesAt;
  return arrival === undefined ? { ...event, text } : { ...event, text, arrivesAt: arrival };
}

function remark(fate: FrameFate): string {
  switch (fate) {
    case "delivered":
    case "lost":
    case "held":
      return "";
    case "duplicated":
      return " [duplicate]";
    case "reordered":
      return " [reordered]";
  }
}
