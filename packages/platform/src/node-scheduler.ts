import type { TurnScheduler } from "./scheduler.ts";

/** The end of the turn is `setImmediate`: after the I/O callbacks and promise reactions of this turn, before the next poll. */
export function nodeScheduler(): TurnScheduler {
  return {
    endOfTurn: (callback) => {
      setImmediate(callback);
    },
  };
}
