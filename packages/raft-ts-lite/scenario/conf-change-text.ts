import { ScenarioError } from "./datadriven.ts";
import type { ConfChangeKind, ConfChangeSingle } from "../src/conf-change-codec.ts";

const LETTERS: readonly (readonly [ConfChangeKind, string])[] = [
  ["AddVoter", "v"],
  ["AddLearner", "l"],
  ["Remove", "r"],
  ["Update", "u"],
];

/** `v1 l2 r3 u4`. */
export function describeChanges(changes: readonly ConfChangeSingle[]): string {
  return changes.map(({ kind, nodeId }) => `${letterOf(kind)}${nodeId}`).join(" ");
}

function letterOf(kind: ConfChangeKind): string {
  return LETTERS.find(([name]) => name === kind)?.[1] ?? "unknown";
}

/** Reads `v1 l2 r3 u4`; throws a ScenarioError for a wrong token. */
export function parseChanges(text: string): ConfChangeSingle[] {
  const tokens = text.split(/\s+/).filter((token) => token !== "");
  return tokens.map((token) => {
    const kind = LETTERS.find(([, letter]) => letter === token[0])?.[0];
    if (token.length < 2) throw new ScenarioError(`unknown token ${token}`);
    if (kind === undefined) throw new ScenarioError(`unknown input: ${token}`);
    const nodeId = Number(token.slice(1));
    if (!Number.isSafeInteger(nodeId) || nodeId < 0)
      throw new ScenarioError(`not a node id (${token})`);
    return { kind, nodeId };
  });
}
