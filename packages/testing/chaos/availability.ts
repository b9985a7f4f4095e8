/** One operation of a client, as far as availability goes. Times are milliseconds from the beginning of the run. */
export interface Sample {
  readonly beganMs: number;
  readonly endedMs: number;
  readonly outcome: "ok" | "fail" | "unknown";
  /** Whether it was to change something. */
  readonly writes: boolean;
}

/** A time in which one fault, or several that overlapped, or none was at work. */
export interface Period {
  readonly label: string;
  readonly beginMs: number;
  readonly endMs: number;
}

/** What clients had of the cluster during the periods of one label. */
export interface Availability {
  readonly label: string;
  readonly periods: number;
  readonly totalMs: number;
  /** Share of the slots of {@link SLOT_MS} with at least one successful write. */
  readonly share: number;
  /** From the beginning of a period to the end of the first write that began after it and succeeded: the longest of all its periods. `undefined`: after one there was none. */
  readonly firstSuccessMs: number | undefined;
  /** The longest time within a period in which no write succeeded. */
  readonly longestGapMs: number;
  /** Operations that began in these periods. */
  readonly ok: number;
  readonly unknown: number;
  readonly fail: number;
}

/** The resolution of availability. */
export const SLOT_MS = 100;

/** One row for each label, in the order in which labels first appear. */
export function availability(
  samples: readonly Sample[],
  periods: readonly Period[],
): Availability[] {
  const byLabel = new Map<string, Period[]>();
  for (const period of periods) {
    byLabel.set(period.label, [...(byLabel.get(period.label) ?? []), period]);
  }
  return [...byLabel].map(([label, all]) => ofLabel(label, all, samples));
}

/** Successful writes in each slot from 0 to `untilMs`. */
export function successesPerSlot(samples: readonly Sample[], untilMs: number): number[] {
  const slots = new Array<number>(Math.ceil(untilMs / SLOT_MS)).fill(0);
  for (const sample of samples) {
    const slot = Math.floor(sample.endedMs / SLOT_MS);
    if (isSuccess(sample) && slot < slots.length) slots[slot] = (slots[slot] ?? 0) + 1;
  }
  return slots;
}

function ofLabel(
  label: string,
  periods: readonly Period[],
  samples: readonly Sample[],
): Availability {
  const each = periods.map((period) => ofPeriod(period, samples));
  const sum = (of: (one: PeriodFigures) => number): number =>
    each.reduce((total, one) => total + of(one), 0);
  const firsts = each.map((one) => one.firstSuccessMs);
  const missing = firsts.includes(undefined);
  const slots = sum((one) => one.slots);
  return {
    label,
    periods: periods.length,
    totalMs: periods.reduce((total, { beginMs, endMs }) => total + endMs - beginMs, 0),
    share: slots === 0 ? 1 : sum((one) => one.goodSlots) / slots,
    firstSuccessMs: missing ? undefined : Math.max(...firsts.map((first) => first ?? 0)),
    longestGapMs: Math.max(...each.map((one) => one.longestGapMs)),
    ok: sum((one) => one.ok),
    unknown: sum((one) => one.unknown),
    fail: sum((one) => one.fail),
  };
}

interface PeriodFigures {
  readonly slots: number;
  readonly goodSlots: number;
  readonly firstSuccessMs: number | undefined;
  readonly longestGapMs: number;
  readonly ok: number;
  readonly unknown: number;
  readonly fail: number;
}

function ofPeriod({ beginMs, endMs }: Period, samples: readonly Sample[]): PeriodFigures {
  const began = samples.filter((one) => one.beganMs >= beginMs && one.beganMs < endMs);
  const successes = samples
    .filter((one) => isSuccess(one) && one.endedMs >= beginMs && one.endedMs < endMs)
    .map(({ endedMs }) => endedMs)
    .sort((a, b) => a - b);
  // Only whole slots: a part of one may be too short for a write.
  const slots = Math.floor((endMs - beginMs) / SLOT_MS);
  const good = new Set(successes.map((at) => Math.floor((at - beginMs) / SLOT_MS)));
  good.delete(slots);
  // A write that was on its way before the fault says nothing of the time after it.
  const later = samples.filter((one) => isSuccess(one) && one.beganMs >= beginMs);
  const first = later.reduce((least, { endedMs }) => Math.min(least, endedMs), Infinity);
  const edges = [beginMs, ...successes, endMs];
  const count = (outcome: Sample["outcome"]): number =>
    began.filter((one) => one.outcome === outcome).length;
  return {
    slots,
    goodSlots: good.size,
    firstSuccessMs: first < Infinity ? first - beginMs : undefined,
    longestGapMs: edges.slice(1).reduce((gap, at, i) => Math.max(gap, at - (edges[i] ?? at)), 0),
    ok: count("ok"),
    unknown: count("unknown"),
    fail: count("fail"),
  };
}

function isSuccess({ outcome, writes }: Sample): boolean {
  return writes && outcome === "ok";
}

/** A fault as it came about. */
export interface Happened {
  readonly kind: string;
  readonly beginMs: number;
  readonly endMs: number;
}

/** When a group of faults was at work, and when its consequences were over. */
export interface StruckTime {
  /** The kinds of its faults. */
  readonly label: string;
  readonly beginMs: number;
  readonly endMs: number;
  /** From here on nobody waited for members to catch up any more. */
  readonly settledMs: number;
  /** How long that took; `undefined`: they did not while they were waited for. */
  readonly caughtUpMs: number | undefined;
}

/** Cuts a run into periods: what was at work, what came after it, and calm. `struck` in order of time. */
export function periodsOf(struck: readonly StruckTime[], untilMs: number): Period[] {
  const periods: Period[] = [];
  let calmMs = 0;
  for (const { label, beginMs, endMs, settledMs } of struck) {
    periods.push(
      { label: "no fault", beginMs: calmMs, endMs: beginMs },
      { label, beginMs, endMs },
      { label: "catching up", beginMs: endMs, endMs: settledMs },
    );
    calmMs = settledMs;
  }
  periods.push({ label: "no fault", beginMs: calmMs, endMs: untilMs });
  return periods.filter(({ beginMs, endMs }) => endMs > beginMs);
}
