import {
  type MemoryMachine,
  memoryMachine,
  type MemoryMachineOptions,
  type StateMachineFactory,
} from "@holdfast/core";
import { describe, expect, test, vi } from "vitest";
import { simulate, SimulationFailure } from "../src/simulate.ts";
import type { SimulatedWorkload } from "../src/workloads/machine-workload.ts";

// A failing run is repeated until it is small, and the machine may have other things to do.
vi.setConfig({ testTimeout: 180_000 });

interface Sum {
  total: number;
  count: number;
}
type SumMachine = MemoryMachine<Sum>;

const ADD = 0x40;

function sums(changed: Partial<MemoryMachineOptions<Sum>> = {}): StateMachineFactory<SumMachine> {
  return memoryMachine<Sum>({
    format: "sum/1",
    initial: () => ({ total: 0, count: 0 }),
    apply: (state, { body }) => {
      state.total += body[0] ?? 0;
      state.count += 1;
      return { ok: true, value: state.total };
    },
    encode: (state) => Buffer.from(JSON.stringify(state)),
    decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as Sum,
    ...changed,
  });
}

/** Adds and reads; nothing that was acknowledged may be missing. */
function adding(): SimulatedWorkload<SumMachine> {
  let acknowledged = 0;
  return {
    operation: async (client) => {
      if (client.random.integer(0, 4) === 0) {
        const before = acknowledged;
        const count = await client.read((machine) => machine.read((state) => state.count));
        expect(count).toBeGreaterThanOrEqual(before);
        return;
      }
      await client.propose({ kind: ADD, body: Uint8Array.of(client.random.integer(1, 9)) });
      acknowledged += 1;
    },
    check: (machines) => {
      for (const machine of machines) {
        expect(machine.read((state) => state.count)).toBeGreaterThanOrEqual(acknowledged);
      }
    },
  };
}

/** The failure of the first seed that fails. */
async function firstFailure(
  stateMachine: StateMachineFactory<SumMachine>,
  seeds: number,
  workload: () => SimulatedWorkload<SumMachine> = adding,
): Promise<SimulationFailure> {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      await simulate({ stateMachine, workload, seed });
    } catch (error) {
      if (error instanceof SimulationFailure) return error;
      throw error;
    }
  }
  throw new Error(`(${seeds}) seeds found nothing`);
}

describe("a sound state machine", () => {
  test("passes under every fault", async () => {
    const coverage = new Set<string>();
    let ok = 0;
    for (let seed = 1; seed <= 10; seed++) {
      const report = await simulate({ stateMachine: sums(), workload: adding, seed });
      ok += report.operations.ok;
      for (const name of report.coverage.keys()) coverage.add(name);
    }
    expect(ok).toBeGreaterThan(300);
    for (const name of ["fault: power-loss", "snapshot installed", "operation: unknown"]) {
      expect(coverage).toContain(name);
    }
  });

  test("does the same for the same seed", async () => {
    const run = (): Promise<unknown> =>
      simulate({ stateMachine: sums(), workload: adding, seed: 3 });
    expect(await run()).toEqual(await run());
  });

  test("sees only the faults that were asked for", async () => {
    const { coverage, operations } = await simulate({
      stateMachine: sums(),
      workload: adding,
      seed: 4,
      faults: [],
      nodes: 3,
      clients: 2,
      settings: { timeouts: { proposalMs: 5_000 } },
    });
    expect([...coverage.keys()].filter((name) => name.startsWith("fault:"))).toEqual([]);
    expect(operations.ok).toBeGreaterThan(10);
  });
});

describe("a wrong state machine is found", () => {
  test("one that draws for itself", async () => {
    const stateMachine = sums({
      apply: (state) => ({ ok: true, value: (state.total += Math.random()) }),
    });
    const failure = await firstFailure(stateMachine, 3, () => ({
      operation: async (client) => {
        await client.propose({ kind: ADD, body: new Uint8Array(1) });
      },
    }));
    expect(failure.invariant).toBe("equal-answers");
  });

  test("one that draws for itself and does not tell", async () => {
    const stateMachine = sums({
      apply: (state) => {
        state.total += Math.random();
        return { ok: true, value: undefined };
      },
    });
    const failure = await firstFailure(stateMachine, 3, () => ({
      operation: async (client) => {
        await client.propose({ kind: ADD, body: new Uint8Array(1) });
      },
    }));
    expect(failure.invariant).toBe("equal-states");
  });

  test("one that throws in apply", async () => {
    const stateMachine = sums({
      apply: (state) => {
        if (state.count === 20) throw new RangeError("no more than twenty");
        return { ok: true, value: (state.count += 1) };
      },
    });
    const failure = await firstFailure(stateMachine, 2);
    expect(failure.invariant).toBe("unexcused-stop");
    expect(failure.message).toContain("no more than twenty");
  });

  test("one whose checkpoints do not reach the disk", async () => {
    const open = sums();
    const failure = await firstFailure(async (context) => {
      const machine = await open(context);
      machine.checkpoint = () => Promise.resolve(machine.applied().index);
      return machine;
    }, 5);
    expect(failure.invariant).toBe("unexcused-stop");
  });

  test("one whose checkpoints forget a part", async () => {
    const encode = ({ total }: Sum): Uint8Array => Buffer.from(JSON.stringify({ total, count: 0 }));
    const { invariant } = await firstFailure(sums({ encode }), 10);
    expect(["equal-answers", "workload"]).toContain(invariant);
  });
});

describe("a failure", () => {
  test("says what the workload saw, with a trace and how to see it again", async () => {
    const failure = await firstFailure(sums(), 1, () => ({
      operation: async (client) => {
        const total = await client.propose({ kind: ADD, body: Uint8Array.of(1) });
        expect(total).toBeLessThan(5);
      },
    }));
    expect(failure.seed).toBe(1);
    expect(failure.invariant).toBe("workload");
    expect(failure.message).toContain("Run it again with seed: 1");
    expect(failure.message).toMatch(/client\s+: client 1 #\d+: ok 5/);
    expect(failure.page).toContain("<svg");
  });

  test("comes from a check, too", async () => {
    const failure = await firstFailure(sums(), 1, () => ({
      ...adding(),
      check: (machines) => {
        expect(machines).toHaveLength(0);
      },
    }));
    expect(failure.message).toContain("the check threw");
  });
});

describe("wrong options", () => {
  test("are named all at once", async () => {
    const options: unknown = {
      stateMachine: 1,
      seed: -1,
      faults: ["earthquake"],
      nodes: 8,
      clients: 0,
      settings: null,
      sede: 1,
    };
    const wrong = simulate(options as Parameters<typeof simulate>[0]);
    await expect(wrong).rejects.toThrow(TypeError);
    await expect(wrong).rejects.toThrow(
      /sede is not known; stateMachine .*; workload .*; seed .*; fault \(earthquake\) .*; nodes .*; clients .*; settings /,
    );
  });
});
