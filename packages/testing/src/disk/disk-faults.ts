/** What a disk does wrong, until somebody changes it again. Everything is off at first. */
export class DiskFaults {
  /** Probability that a sync fails. What it was to make durable is lost, though reads may go on showing it, and the next sync succeeds. */
  syncError = 0;
  /** Probability that a sync, or an append with its sync, takes long. */
  stall = 0;
  /** How long. */
  stallMs: { readonly min: number; readonly max: number } = { min: 20, max: 1_000 };
  /** Probability that a read fails. The next one may succeed. */
  readError = 0;
  /** Bytes that files may have together. What they have already stays. */
  capacityBytes: number = Infinity;
  /** Probability that a write lands in another place, where it overwrites what was there, and its own place keeps what it had. */
  misdirectedWrite = 0;
  /** Every operation takes so many times as long. */
  latency = 1;

  /** Ends all of them. What they did stays. */
  calm(): void {
    Object.assign(this, new DiskFaults());
  }
}
