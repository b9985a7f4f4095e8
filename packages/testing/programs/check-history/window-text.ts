import type { HistoryWindow } from "@holdfast/testing/history";
import type { ShownOperation } from "./operations.ts";

const MAX_STATE = 160;

/** What cannot be explained, in lines for a terminal. */
export function windowText(
  window: HistoryWindow,
  shown: ReadonlyMap<number, ShownOperation>,
): string[] {
  const operations = window.operations.flatMap((id) => shown.get(id) ?? []);
  const width = Math.max(0, ...operations.map(({ process }) => process.toString().length));
  const whenWidth = Math.max(0, ...operations.map(({ when }) => when.length));
  const lines = [`  ${window.reason}:`];
  for (const { id, process, when, text, outcome } of operations) {
    const mark = window.essential.includes(id) ? "*" : " ";
    const suffix =
      outcome === "unknown" ? " (outcome unknown)" : outcome === "fail" ? " (failed)" : "";
    const who = `process ${process.toString().padStart(width)}`;
    lines.push(`  ${mark} ${who}  ${when.padEnd(whenWidth)}  ${text}${suffix}`);
  }
  if (window.states.length > 0) {
    lines.push("  possible states when the last one had to have taken effect:");
    for (const state of window.states) lines.push(`    ${shorten(state)}`);
  }
  if (window.essential.length > 1 && window.essential.length < operations.length) {
    lines.push("  without any one of those marked * there would be an explanation");
  }
  return lines;
}

function shorten(state: string): string {
  return state.length <= MAX_STATE ? state : `...${state.slice(-MAX_STATE)}`;
}
