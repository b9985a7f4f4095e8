import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import type { ClearRange, KvOperation } from "../../src/kv/kv-commands.ts";
import type { KvMachine } from "../../src/kv/kv-machine.ts";
import { classicLevelEngine } from "../../src/kv/store-engine.ts";
import { dataKey } from "../../src/kv/store-keys.ts";
import { readValueHeader, userValue } from "../../src/kv/value-header.ts";
import { entryAt, machineFixture, type MachineFixture } from "./machine-fixture.ts";
import { encodeCommand, nameOf, NaiveStore, type SoundCommand } from "./naive-store.ts";

let fixture: MachineFixture = machineFixture();
afterEach(async () => {
  await fixture.dispose();
  fixture = machineFixture();
});

// Few and short keys, so that commands meet; bytes on both sides of 0x7f, so that a wrong order shows.
const key = fc
  .array(fc.constantFrom(0x00, 0x01, 0x7f, 0x80, 0xff), { minLength: 0, maxLength: 2 })
  .map((bytes) => Buffer.from(bytes));
const value = fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes));
const operation: fc.Arbitrary<KvOperation> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant("put" as const), key, value }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("delete" as const), key }) },
);
const range: fc.Arbitrary<ClearRange> = fc.record(
  {
    gt: key,
    gte: key,
    lt: key,
    lte: key,
    reverse: fc.boolean(),
    limit: fc.integer({ min: 0, max: 5 }),
    before: fc.record({ index: fc.integer({ min: 1, max: 40 }), position: fc.nat(4) }),
  },
  { requiredKeys: [] },
);
const command: fc.Arbitrary<SoundCommand> = fc.oneof(
  { weight: 4, arbitrary: operation },
  {
    weight: 2,
    arbitrary: fc
      .array(operation, { maxLength: 4 })
      .map((operations) => ({ type: "batch" as const, operations })),
  },
  {
    weight: 1,
    arbitrary: range.map((clear) => ({ type: "clear" as const, range: soleBounds(clear) })),
  },
);
type Step =
  | { readonly type: "apply"; readonly entries: readonly (readonly SoundCommand[])[] }
  | { readonly type: "reopen" | "checkpoint" | "restore" };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("apply" as const),
      entries: fc.array(fc.array(command, { maxLength: 6 }), { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constantFrom("reopen", "checkpoint", "restore") }),
  },
);

/** The naive store applies all bounds that it is given; a command carries one for each end. */
function soleBounds({ gt, gte, lt, lte, ...rest }: ClearRange): ClearRange {
  return {
    ...rest,
    ...(gte !== undefined ? { gte } : gt !== undefined && { gt }),
    ...(lte !== undefined ? { lte } : lt !== undefined && { lt }),
  };
}

test("the store does what a map does, through reopening, checkpoints and snapshots", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const naive = new NaiveStore();
      let location = await fixture.location();
      let machine = await fixture.open({ location });
      let index = 0;
      for (const step of steps) {
        if (step.type === "apply") {
          const first = index + 1;
          const results = await machine.apply(
            step.entries.map((commands) => entryAt(++index, commands.map(encodeCommand))),
          );
          expect(results).toEqual(
            step.entries.map((commands, i) =>
              commands.map((command, position) => ({
                ok: true,
                value: naive.apply(command, { index: first + i, position }),
              })),
            ),
          );
        } else if (step.type === "checkpoint") {
          expect(await machine.checkpoint()).toBe(index);
        } else if (step.type === "reopen") {
          await machine.close({ clean: false });
          machine = await fixture.open({ location });
        } else {
          location = await fixture.location();
          machine = await restored(machine, location);
        }
      }
      expect(machine.applied().index).toBe(index);
      expect(await stored(machine)).toEqual(sorted(naive));
      await machine.close({ clean: false });
      expect(await storedHeaders(location, naive)).toEqual(sortedRevisions(naive));
    }),
    { numRuns: 150 },
  );
}, 60_000);

/** A machine at `location` with what `machine` holds; that one is closed. */
async function restored(machine: KvMachine, location: string): Promise<KvMachine> {
  const snapshot = await machine.snapshot();
  const copy = await fixture.open({ location });
  await copy.restore(snapshot.applied, snapshot.chunks(64));
  await snapshot.close();
  await machine.close({ clean: false });
  expect(copy.applied()).toEqual(snapshot.applied);
  return copy;
}

async function stored(machine: KvMachine): Promise<[string, Buffer][]> {
  const capture = machine.reader.capture();
  const iterator = capture.iterator({});
  const entries = await iterator.nextv(1_000);
  await iterator.close();
  await capture.close();
  return entries.map(([key, value]) => [nameOf(key ?? Buffer.alloc(0)), value ?? Buffer.alloc(0)]);
}

function sorted(naive: NaiveStore): [string, Buffer][] {
  return [...naive.keys].sort(byKey).map(([name, { value }]) => [name, value]);
}

/** The headers as they stand in the store, read past the machine. */
async function storedHeaders(location: string, naive: NaiveStore): Promise<unknown[]> {
  const { level } = await classicLevelEngine().open({
    location,
    platform: fixture.platform,
    lostUnsynced: false,
  });
  const headers: unknown[] = [];
  for (const [name] of [...naive.keys].sort(byKey)) {
    const whole = await level.get(dataKey(Buffer.from(name, "latin1")));
    headers.push([name, whole && { ...readValueHeader(whole), value: userValue(whole) }]);
  }
  await level.close();
  return headers;
}

function sortedRevisions(naive: NaiveStore): unknown[] {
  return [...naive.keys].sort(byKey);
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return Buffer.from(a, "latin1").compare(Buffer.from(b, "latin1"));
}
