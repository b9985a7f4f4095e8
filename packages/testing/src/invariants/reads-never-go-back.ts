import { type Invariant, InvariantViolation } from "./invariant.ts";

const NAME = "reads-never-go-back";

/**
 * A linearizable read sees at least what was there when it began: every write that had succeeded, and everything that
 * an answered read had seen.
 *
 * Thesis, section 6.4; traps 15, 16, 18, 19 and 20.
 */
export function readsNeverGoBack(): Invariant {
  /** The furthest that any operation that has ended wrote or saw, and which one it was. */
  let furthest = { index: 0, id: 0 };
  const open = new Map<number, typeof furthest>();
  return {
    name: NAME,
    source: "thesis, section 6.4; traps 15, 16, 18, 19, 20",
    began({ id }) {
      open.set(id, furthest);
    },
    settled({ id, revision, readIndex }) {
      const before = open.get(id);
      open.delete(id);
      if (readIndex !== undefined && before !== undefined && readIndex < before.index) {
        throw new InvariantViolation(
          NAME,
          `read ${id} saw the state at index ${readIndex}, but operation ${before.id}, which had ended when it began, was at index ${before.index}`,
        );
      }
      const index = Math.max(revision?.index ?? 0, readIndex ?? 0);
      if (index > furthest.index) furthest = { index, id };
    },
  };
}
