/** A pending call of a {@link Clock}. */
export interface Timer {
  /** The callback will not run any more. Idempotent; a no-op once it ran. */
  cancel(): void;
}

/** Time as a node sees it. The real one is {@link nodeClock}; a simulator passes its own. */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary origin, with a fraction. Never goes back; says nothing about the time of day. */
  now(): number;
  /** Milliseconds since the Unix epoch, as the machine believes. May jump in either direction. */
  wallTime(): number;
  /**
   * Runs `callback` once, at least `delayMs` from now. Callbacks due at the same instant run in the order in which they were set.
   * A pending timer does not keep the process alive.
   */
  setTimer(delayMs: number, callback: () => void): Timer;
}
