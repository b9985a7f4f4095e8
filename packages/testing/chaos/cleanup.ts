/** What must be undone when the program ends, however it ends. Every step is synchronous, so that it can run in the very last turn. */
export class Cleanup {
  readonly #steps: { readonly what: string; readonly undo: () => void }[] = [];

  /** Steps run in the reverse order of their addition. */
  add(what: string, undo: () => void): void {
    this.#steps.push({ what, undo });
  }

  /** Runs every step, also when one of them fails; returns what failed. Idempotent. */
  run(): string[] {
    const failures: string[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        step.undo();
      } catch (error) {
        failures.push(`${step.what}: ${String(error)}`);
      }
    }
    return failures;
  }
}
