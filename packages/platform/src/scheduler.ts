/** Defers work to the end of the current turn of the event loop. The real one is {@link nodeScheduler}. */
export interface TurnScheduler {
  /**
   * Runs `callback` once, after everything that the current turn has already queued (I/O callbacks, promise reactions).
   * Callbacks run in the order in which they were given. Cannot be cancelled.
   */
  endOfTurn(callback: () => void): void;
}
