/** Reads the arguments of a command; wrong ones are errors of the scenario, not output. */
import type { NodeId } from "../src/message.ts";
import { ScenarioError, type Stanza } from "./datadriven.ts";

export function parseInteger(text: string): number {
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new ScenarioError(`not an integer (${text})`);
  }
  return Number(text);
}

export function parseBoolean(text: string): boolean {
  if (["true", "True", "TRUE", "t", "T", "1"].includes(text)) return true;
  if (["false", "False", "FALSE", "f", "F", "0"].includes(text)) return false;
  throw new ScenarioError(`not a boolean (${text})`);
}

/** The bare arguments: `1 2` of `stabilize 1 2 log-level=none`. */
export function words(stanza: Stanza): string[] {
  return stanza.args.filter(({ values }) => values.length === 0).map(({ key }) => key);
}

export function nodeIds(stanza: Stanza): NodeId[] {
  return words(stanza).map(parseInteger);
}

export function firstInteger(stanza: Stanza): number {
  const [first] = words(stanza);
  if (first === undefined) throw new ScenarioError(`${stanza.command} without its first argument`);
  return parseInteger(first);
}

/** The value of `key=value`. */
export function optionalText(stanza: Stanza, key: string): string | undefined {
  return stanza.args.find((arg) => arg.key === key)?.values[0];
}

export function text(stanza: Stanza, key: string): string {
  const value = optionalText(stanza, key);
  if (value === undefined) throw new ScenarioError(`${stanza.command} without ${key}=`);
  return value;
}
