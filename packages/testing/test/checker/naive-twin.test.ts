import { prng } from "@holdfast/platform";
import { describe, expect, it } from "vitest";
import { checkHistory } from "../../src/checker/check-history.ts";
import { pairOperations } from "../../src/history/operation.ts";
import { isLinearizable } from "./naive-checker.ts";
import { mutated, randomHistory, type RandomHistoryOptions } from "./random-history.ts";

const ROUNDS = 600;
const base: RandomHistoryOptions = {
  operations: 9,
  processes: 3,
  keys: 2,
  values: 3,
  foreign: true,
  placed: 0,
  unknown: 0.2,
};
const kinds: readonly (readonly [name: string, options: RandomHistoryOptions])[] = [
  ["of few values", base],
  ["of one key and many processes", { ...base, keys: 1, processes: 6, operations: 10 }],
  ["of values that are written once", { ...base, values: Infinity, foreign: false, unknown: 0.4 }],
  ["mostly of unknown outcome", { ...base, unknown: 0.8, processes: 4 }],
  ["of deletes and scans over three keys", { ...base, keys: 3, foreign: false }],
];

describe("a search against trying every order", () => {
  it.each(kinds)("gives the same verdict on histories %s", (_name, options) => {
    let refused = 0;
    for (let seed = 0; seed < ROUNDS; seed += 1) {
      const random = prng(BigInt(seed));
      const history = randomHistory(random, options);
      expect(checkHistory(history).verdict, `seed ${seed}`).toBe("linearizable");
      const other = mutated(random, mutated(random, history));
      const { verdict, window } = checkHistory(other);
      const expected = isLinearizable(other);
      expect(verdict, `seed ${seed}, changed`).toBe(expected ? "linearizable" : "not-linearizable");
      if (window === undefined) continue;
      refused += 1;
      if (options.keys > 1) continue; // One part, and so one window.
      // The end of the window is the first event that cannot be explained.
      const { failed } = pairOperations(other);
      const upTo = (end: number): typeof other => {
        return other.slice(0, end).filter(({ id }) => !failed.some((one) => one.id === id));
      };
      expect(isLinearizable(upTo(window.to + 1)), `seed ${seed}, to`).toBe(false);
      const before = isLinearizable(upTo(window.to));
      expect(before, `seed ${seed}, before`).toBe(true);
    }
    expect(refused).toBeGreaterThan(ROUNDS / 100);
  });
});

const placed: readonly (readonly [name: string, options: RandomHistoryOptions])[] = [
  ["all placed", { ...base, foreign: false, placed: 1, unknown: 0 }],
  ["of unknown outcome", { ...base, foreign: false, placed: 1, unknown: 0.3 }],
  ["partly placed", { ...base, foreign: false, placed: 0.6, unknown: 0.2 }],
  ["of own values", { ...base, foreign: false, placed: 0.7, unknown: 0.3, values: Infinity }],
];

describe("a replay of revisions against trying every order", () => {
  it.each(placed)("gives no verdict that is wrong on histories %s", (_name, options) => {
    let refused = 0;
    let missed = 0;
    for (let seed = 0; seed < ROUNDS; seed += 1) {
      const random = prng(BigInt(seed));
      const history = randomHistory(random, options);
      expect(checkHistory(history), `seed ${seed}`).toEqual({ verdict: "linearizable" });
      const other = mutated(random, mutated(random, history));
      const { verdict } = checkHistory(other);
      const isPossible = isLinearizable(other, { withPlaces: true });
      if (isPossible) expect(verdict, `seed ${seed}, changed`).toBe("linearizable");
      else if (!isLinearizable(other)) expect(verdict, `seed ${seed}`).toBe("not-linearizable");
      if (verdict === "not-linearizable") refused += 1;
      else if (!isPossible) missed += 1;
    }
    expect(refused).toBeGreaterThan(ROUNDS / 10);
    // Where every write is placed, nothing that contradicts the revisions gets by.
    if (options.placed === 1 && options.unknown === 0) expect(missed).toBe(0);
  });
});
