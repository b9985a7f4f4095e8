import type { Trap } from "./manifest.ts";
import type { Verdict } from "./hunt.ts";

const BEGIN = "<!-- mutants: begin -->";
const END = "<!-- mutants: end -->";

/** The table of a hunt, in Markdown. */
export function tableOf(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ mutant, result, by, seeds, seconds }) => [
    mutant.traps.join(", "),
    mutant.breaks,
    result === "caught" ? by : `**${result}** ${by.split("\n")[0] ?? ""}`,
    seeds === undefined ? (mutant.simulated ? "–" : "") : String(seeds),
    seconds.toFixed(1),
  ]);
  return markdown(["Trap", "What is put back", "Caught by", "Seeds", "Seconds"], rows);
}

/** What is not put back, and why, in Markdown. */
export function exceptionsOf(traps: readonly Trap[]): string {
  const rows = traps.flatMap(({ number, title, notExpressed }) =>
    notExpressed === undefined ? [] : [[String(number), title, notExpressed]],
  );
  return markdown(["Trap", "What it is", "Why no change of our code puts it back"], rows);
}

/** `document` with what lies between its two marks replaced. */
export function withTable(document: string, content: string): string {
  const [from, to] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (from === -1 || to < from) throw new Error(`no place for the table: ${BEGIN} … ${END}`);
  return `${document.slice(0, from + BEGIN.length)}\n\n${content}\n\n${document.slice(to)}`;
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
