import type { Timer } from "@holdfast/platform";

/**
 * A running process on a simulated host. Everything that calls back into it (timers, disk, network) goes through here, so that a dead process
 * stays silent, and a paused one catches up when it goes on.
 */
export interface SimulatedProcess {
  /** The host that it runs on. */
  readonly host: number;
  readonly alive: boolean;
  /**
   * Calls back `delayMs` of true time from now. While the process is paused, what is due waits, and then comes in the order in which it
   * was due. Never calls back once the process is dead.
   */
  after(delayMs: number, callback: () => void): Timer;
}
