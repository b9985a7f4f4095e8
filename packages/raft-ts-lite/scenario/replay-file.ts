import { confChangeHandler } from "./confchange-runner.ts";
import { interactionHandler } from "./commands.ts";
import {
  parseScenario,
  replay,
  rewrite,
  type Handler,
  type Mismatch,
  type Stanza,
} from "./datadriven.ts";
import { quorumHandler } from "./quorum-runner.ts";

const QUORUM_COMMANDS = new Set(["committed", "vote"]);
const CONF_CHANGE_COMMANDS = new Set(["simple", "enter-joint", "leave-joint"]);

/** A file's commands tell its kind, so that it may lie in any folder. */
function handlerFor(stanzas: readonly Stanza[]): Handler {
  if (stanzas.some(({ command }) => QUORUM_COMMANDS.has(command))) return quorumHandler();
  if (stanzas.some(({ command }) => CONF_CHANGE_COMMANDS.has(command))) return confChangeHandler();
  return interactionHandler();
}

/** Replays the text of a scenario file; undefined when all of it is as recorded. Throws ScenarioError when it is none. */
export function replayText(text: string): Mismatch | undefined {
  const stanzas = parseScenario(text);
  return replay(stanzas, handlerFor(stanzas));
}

/** The same text with the output its commands give now. */
export function rewriteText(text: string): string {
  return rewrite(text, handlerFor(parseScenario(text)));
}
