import { Changer, type ChangedConfig } from "../src/confchange.ts";
import type { ConfChangeSingle } from "../src/conf-change-codec.ts";
import { RaftError } from "../src/errors.ts";
import { describeConfig, ProgressTracker } from "../src/tracker.ts";
import { parseChanges } from "./conf-change-text.ts";
import { ScenarioError, type Handler, type Stanza } from "./datadriven.ts";
import { describeProgress } from "./describe.ts";

const MAX_INFLIGHT = 10;

/** Runs confchange files: commands `simple`, `enter-joint` and `leave-joint`, on a group that starts without members. */
export function confChangeHandler(): Handler {
  const tracker = new ProgressTracker(MAX_INFLIGHT, 0);
  let lastIndex = 0; // One more after each command, so that `next` tells when a member came in.
  return (stanza) => {
    const changer = new Changer(tracker, lastIndex++);
    try {
      const changed = run(changer, stanza, parseChanges(stanza.input));
      if (changed === undefined) return "unknown command";
      tracker.install(changed.config, changed.progress);
    } catch (error) {
      // A broken invariant is neither, and must not pass for a refusal.
      if (error instanceof RaftError || error instanceof ScenarioError) return `${error.message}\n`;
      throw error;
    }
    const members = tracker.ids.map((id) => {
      const progress = tracker.get(id);
      return progress === undefined ? "" : `${id}: ${describeProgress(progress.view())}\n`;
    });
    return `${describeConfig(tracker.config)}\n${members.join("")}`;
  };
}

function run(
  changer: Changer,
  stanza: Stanza,
  changes: readonly ConfChangeSingle[],
): ChangedConfig | undefined {
  switch (stanza.command) {
    case "simple":
      return changer.simple(changes);
    case "enter-joint": {
      const autoLeave = stanza.args.find(({ key }) => key === "autoleave");
      return changer.enterJoint(autoLeave?.values[0] === "true", changes);
    }
    case "leave-joint":
      if (changes.length > 0) {
        throw new ScenarioError("this command takes no input");
      }
      return changer.leaveJoint();
    default:
      return undefined;
  }
}
