/** Takes every step, even after one failed: a lock or socket that is left behind would outlive its node. Returns the failures. */
export async function releaseInOrder(
  steps: readonly (() => Promise<void> | undefined)[],
): Promise<readonly Error[]> {
  const failures: Error[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error instanceof Error ? error : new Error(String(error)));
    }
  }
  return failures;
}
