import type { Clock, Timer } from "./clock.ts";

/** Beyond this many milliseconds Node's timers overflow and fire at once. */
const MAX_TIMEOUT_MS = 2_147_483_647;

/**
 * Node starts a timer at the truncated millisecond, so one set for 10 ms can fire after 9.1 ms. One more millisecond keeps the
 * promise of {@link Clock.setTimer}. (Checking on arrival and setting it again would let a later timer overtake an earlier one.)
 */
function timeoutFor(delayMs: number): number {
  return delayMs > 0 ? Math.ceil(delayMs) + 1 : 0;
}

class NodeTimer implements Timer {
  #timeout: NodeJS.Timeout | undefined;

  constructor(delayMs: number, callback: () => void) {
    this.#arm(performance.now() + delayMs, delayMs, callback);
  }

  #arm(due: number, delayMs: number, callback: () => void): void {
    const timeout = timeoutFor(delayMs);
    if (timeout <= MAX_TIMEOUT_MS) {
      this.#timeout = setTimeout(callback, timeout);
    } else {
      this.#timeout = setTimeout(() => {
        this.#arm(due, due - performance.now(), callback);
      }, MAX_TIMEOUT_MS);
    }
    this.#timeout.unref();
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }
}

/** The machine's clocks: `performance.now`, `Date.now` and Node's timers, which never keep the process alive. */
export function nodeClock(): Clock {
  return {
    now: () => performance.now(),
    wallTime: () => Date.now(),
    setTimer: (delayMs, callback) => new NodeTimer(delayMs, callback),
  };
}
