import type { NodeId } from "../src/message.ts";
import {
  jointCommittedIndex,
  jointVoteResult,
  majorityCommittedIndex,
  majorityVoteResult,
  type AckedIndex,
  type MajorityConfig,
} from "../src/quorum.ts";
import { ScenarioError, type Handler, type Stanza } from "./datadriven.ts";

/** What a `committed` or `vote` command names. `_` is undefined: not heard of. */
interface QuorumInput {
  readonly ids: readonly NodeId[];
  readonly outgoing: readonly NodeId[];
  /** Whether `cfgj` was given, be it `zero`: then the joint functions are called. */
  readonly joint: boolean;
  readonly indexes: readonly (number | undefined)[];
  readonly votes: readonly (boolean | undefined)[];
}

/** Runs quorum files: commands `committed` and `vote`. Complains in the output where two ways to compute disagree. */
export function quorumHandler(): Handler {
  return (stanza) => {
    const input = parseInput(stanza);
    const voters = new Set([...input.ids, ...input.outgoing]);
    const given = stanza.command === "vote" ? input.votes : input.indexes;
    if (voters.size !== given.length) {
      const values = stanza.args.find(({ key }) => key === "idx" || key === "votes")?.values ?? [];
      const ids = [...voters].sort(ascending).join(" ");
      return `error: mismatched input (explicit or _) for voters map[${ids}]: ${values.join(" ")}`;
    }
    switch (stanza.command) {
      case "committed":
        return committed(input);
      case "vote":
        return vote(input);
      default:
        return "unknown command";
    }
  };
}

function parseInput(stanza: Stanza): QuorumInput {
  const ids: NodeId[] = [];
  const outgoing: NodeId[] = [];
  const indexes: (number | undefined)[] = [];
  const votes: (boolean | undefined)[] = [];
  let joint = false;
  for (const { key, values } of stanza.args) {
    switch (key) {
      case "cfg":
        ids.push(...values.map(integer));
        break;
      case "cfgj":
        joint = true;
        if (values.length !== 1 || values[0] !== "zero") outgoing.push(...values.map(integer));
        break;
      case "idx":
        indexes.push(...values.map((value) => (value === "_" ? undefined : integer(value))));
        break;
      case "votes":
        votes.push(...values.map(parseVote));
        break;
      default:
        throw new ScenarioError(`unknown argument (${key})`);
    }
  }
  return { ids, outgoing, joint, indexes, votes };
}

function integer(text: string): number {
  if (!/^[1-9][0-9]*$/.test(text)) throw new ScenarioError(`not a positive integer (${text})`);
  return Number(text);
}

function parseVote(text: string): boolean | undefined {
  if (text === "_") return undefined;
  if (text !== "y" && text !== "n") throw new ScenarioError(`unknown vote (${text})`);
  return text === "y";
}

function ascending(a: number, b: number): number {
  return a - b;
}

/** Hands out `values` to the voters in the order in which the command names them, each voter once. */
function assign<T>(input: QuorumInput, values: readonly (T | undefined)[]): Map<NodeId, T> {
  const assigned = new Map<NodeId, T>();
  let at = 0;
  for (const id of new Set([...input.ids, ...input.outgoing])) {
    const value = values[at++];
    if (value !== undefined) assigned.set(id, value);
  }
  return assigned;
}

function committed(input: QuorumInput): string {
  const indexes = assign(input, input.indexes);
  const acked: AckedIndex = (id) => indexes.get(id);
  const one = new Set(input.ids);
  const two = new Set(input.outgoing);
  const chart = describeQuorum(new Set([...one, ...two]), acked);
  if (input.joint) {
    const index = jointCommittedIndex(one, two, acked);
    const swapped = jointCommittedIndex(two, one, acked);
    return `${chart}${complaint(index, swapped, "symmetry")}${indexText(index)}\n`;
  }
  const index = majorityCommittedIndex(one, acked);
  let out = chart;
  out += complaint(index, slowCommittedIndex(one, acked), "alternative computation");
  out += complaint(index, jointCommittedIndex(one, new Set(), acked), "zero-joint quorum");
  out += complaint(index, jointCommittedIndex(one, one, acked), "self-joint quorum");
  // Whoever is below the committed index already cannot move it by falling further back.
  for (const id of one) {
    const known = indexes.get(id) ?? 0;
    if (known === 0 || index <= known) continue;
    for (const lower of [known - 1, 0]) {
      const lowered = majorityCommittedIndex(one, (other) => (other === id ? lower : acked(other)));
      out += complaint(index, lowered, `overlaying ${id}->${lower}`);
    }
  }
  return `${out}${indexText(index)}\n`;
}

function vote(input: QuorumInput): string {
  const votes = assign(input, input.votes);
  const one = new Set(input.ids);
  const two = new Set(input.outgoing);
  if (!input.joint) return `${majorityVoteResult(one, votes)}\n`;
  const result = jointVoteResult(one, two, votes);
  const swapped = jointVoteResult(two, one, votes);
  return `${result === swapped ? "" : `${swapped} <-- via symmetry\n`}${result}\n`;
}

function complaint(index: number, other: number, how: string): string {
  return index === other ? "" : `${indexText(other)} <-- via ${how}\n`;
}

function indexText(index: number): string {
  return index === Infinity ? "∞" : String(index);
}

/** The definition itself: the highest index that a majority is at or above. Quadratic, and hard to get wrong. */
function slowCommittedIndex(voters: MajorityConfig, acked: AckedIndex): number {
  if (voters.size === 0) return Infinity;
  const indexes = [...voters].map((id) => acked(id) ?? 0);
  const reached = indexes.filter(
    (index) => indexes.filter((other) => other >= index).length > indexes.length / 2,
  );
  return Math.max(0, ...reached);
}

/** A bar per voter, as long as the number of voters that are strictly behind it. */
function describeQuorum(voters: MajorityConfig, acked: AckedIndex): string {
  if (voters.size === 0) return "<empty majority quorum>";
  const ids = [...voters].sort(ascending);
  const indexOf = (id: NodeId): number => acked(id) ?? 0;
  const rows = ids.map((id) => {
    const behind = ids.filter((other) => indexOf(other) < indexOf(id)).length;
    const mark = acked(id) === undefined ? "?" : `${"x".repeat(behind)}>`;
    return `${mark.padEnd(voters.size + 1)} ${String(indexOf(id)).padStart(5)}    (id=${id})\n`;
  });
  return `${" ".repeat(voters.size)}    idx\n${rows.join("")}`;
}
