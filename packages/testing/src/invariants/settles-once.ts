import { type Invariant, InvariantViolation } from "./invariant.ts";

const NAME = "settles-once";

/**
 * Every operation of a client ends exactly once, with one outcome, and none is left open when the faults are over. No
 * two writes get the same revision: each has a place of its own in the log.
 *
 * Design, section 4 ("ends in exactly one of: result, `NOT_COMMITTED`, `UNKNOWN`, and never hangs"); traps 21 and 58.
 */
export function settlesOnce(): Invariant {
  const open = new Set<number>();
  const outcomes = new Map<number, string>();
  const revisions = new Map<string, number>();
  return {
    name: NAME,
    source: "design, section 4; traps 21, 58",
    began({ id }) {
      if (open.has(id) || outcomes.has(id)) {
        throw new InvariantViolation(NAME, `operation ${id} begins for the second time`);
      }
      open.add(id);
    },
    settled({ id, outcome, revision }) {
      const earlier = outcomes.get(id);
      if (earlier !== undefined) {
        throw new InvariantViolation(
          NAME,
          `operation ${id} ends with "${outcome}" after it ended with "${earlier}"`,
        );
      }
      open.delete(id);
      outcomes.set(id, outcome);
      if (revision === undefined) return;
      const place = `${revision.index}.${revision.position}`;
      const other = revisions.get(place);
      if (other !== undefined) {
        throw new InvariantViolation(
          NAME,
          `operations ${other} and ${id} were both told that they are command ${revision.position} of entry ${revision.index}`,
        );
      }
      revisions.set(place, id);
    },
    finished() {
      if (open.size === 0) return;
      throw new InvariantViolation(
        NAME,
        `all faults are over, but these operations never ended: ${[...open].join(", ")}`,
      );
    },
  };
}
