import { createHash } from "node:crypto";
import { closeSync, fdatasyncSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { prng } from "@holdfast/platform";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KvMachine } from "../../src/kv/kv-machine.ts";
import { machineFixture, type MachineFixture } from "../kv/machine-fixture.ts";
import { NaiveStore } from "../kv/naive-store.ts";
import { LoopImages, whyNoLoopImages, type LoopImage } from "./loop-image.ts";
import { stripSources, type StrippedSources } from "./stripped-sources.ts";
import { workloadCommands, workloadEntry } from "./workload.ts";
import { WriterProcess } from "./writer-process.ts";

const CUTS = 6;
const MAX_LINES = 400;
const SEED = Number(process.env["SEED"] ?? 1);

const reason = whyNoLoopImages();

const skipped = reason === undefined ? "" : ` (skipped: ${reason})`;

describe.skipIf(reason !== undefined)(`power cut of a store that is not synced${skipped}`, () => {
  let images: LoopImages;
  let sources: StrippedSources;
  let fixture: MachineFixture;
  beforeAll(() => {
    images = new LoopImages();
    sources = stripSources("kv", "power-cut");
    fixture = machineFixture();
  }, 60_000);
  afterAll(async () => {
    await fixture.dispose();
    images.remove();
    sources.remove();
  }, 60_000);

  test("it comes back as it was at some index, not before the last checkpoint", async () => {
    const random = prng(SEED);
    const twin = new Twin(await fixture.open());
    let damaged = 0;
    let image = images.make();
    mkdirSync(join(image.path, "store"));
    for (let cut = 0; cut < CUTS; cut++) {
      const writer = await runAndKill(image, cut, random.integer(0, MAX_LINES));
      const [withRule, withoutRule] = [image.cut(), image.cut()];
      image.unmount();

      const machine = await fixture.open({ location: storeOf(withRule), lostUnsynced: true });
      const { index } = machine.applied();
      expect(index).toBeGreaterThanOrEqual(writer.durable);
      expect(index).toBeLessThanOrEqual(writer.applied + IN_FLIGHT);
      await twin.advance(index);
      expect(machine.applied()).toEqual(twin.machine.applied());
      expect(await content(machine)).toEqual(twin.contentAt(index));
      expect(await contentHash(machine)).toBe(await contentHash(twin.machine));
      await machine.close({ clean: false });

      const missing = await damage(withoutRule, twin);
      if (missing !== undefined) damaged++;
      report(
        `cut ${cut}: applied ${writer.applied}, checkpoint ${writer.durable}, came back at ${index}; without the rule: ${missing ?? "intact"}`,
      );
      image = withRule;
    }
    // Else the cuts were harmless, and the rule was not put to the test.
    expect(damaged).toBeGreaterThan(0);
  }, 120_000);

  /** Half of the cuts come at a random moment; the others just when the system has written the newer of two logs and not yet the older. */
  async function runAndKill(image: LoopImage, cut: number, lines: number): Promise<WriterProcess> {
    const writer = new WriterProcess(sources.program("power-cut/writer"), storeOf(image), cut > 0);
    if (cut % 2 === 0) {
      let left = lines;
      await writer.follow(() => left-- === 0);
    } else {
      await writer.follow(() => writer.durable > 0 && syncNewerOfTwoLogs(storeOf(image)));
    }
    await writer.kill();
    return writer;
  }

  /** What is wrong with the store when its logs are replayed as LevelDB does by itself. */
  async function damage(image: LoopImage, twin: Twin): Promise<string | undefined> {
    try {
      const machine = await fixture.open({ location: storeOf(image) });
      const { index } = machine.applied();
      const have = await content(machine);
      await machine.close({ clean: false });
      const want = twin.contentAt(index);
      const missing = [...want.keys()].filter((key) => !have.has(key)).length;
      const wrong = [...have].filter(([key, value]) => want.get(key) !== value).length;
      if (missing + wrong === 0) return undefined;
      return `claims index ${index} with ${missing} keys missing and ${wrong} wrong of ${want.size}`;
    } catch (error) {
      return `refuses to open: ${String(error)}`;
    } finally {
      image.unmount();
    }
  }
});

function report(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Entries that one call applies: the writer may be that far beyond what it said. */
const IN_FLIGHT = 4;

function storeOf(image: LoopImage): string {
  return join(image.path, "store");
}

/** Does what the system may do at any moment: writes back one file, and not another. */
function syncNewerOfTwoLogs(location: string): boolean {
  const logs = readdirSync(location).filter((name) => name.endsWith(".log"));
  const newer = logs.sort().at(-1);
  if (logs.length < 2 || newer === undefined) return false;
  const file = openSync(join(location, newer), "r+");
  fdatasyncSync(file);
  closeSync(file);
  return true;
}

/** The same workload in a store that nobody cuts, and in a map. */
class Twin {
  readonly machine: KvMachine;
  readonly #naive = new NaiveStore();

  constructor(machine: KvMachine) {
    this.machine = machine;
  }

  async advance(to: number): Promise<void> {
    for (let index = this.machine.applied().index + 1; index <= to; index++) {
      await this.machine.apply([workloadEntry(index)]);
      applyNaively(this.#naive, index);
    }
  }

  /** All keys and values as they are at `index`, which the machine has not passed. */
  contentAt(index: number): ReadonlyMap<string, string> {
    const naive = new NaiveStore(this.#naive.keys);
    for (let i = this.machine.applied().index + 1; i <= index; i++) applyNaively(naive, i);
    return new Map([...naive.keys].map(([key, { value }]) => [key, String(value)]));
  }
}

function applyNaively(naive: NaiveStore, index: number): void {
  for (const [position, command] of workloadCommands(index).entries()) {
    naive.apply(command, { index, position });
  }
}

async function content(machine: KvMachine): Promise<Map<string, string>> {
  const capture = machine.reader.capture();
  const iterator = capture.iterator({});
  const found = new Map<string, string>();
  for (let entries = await iterator.nextv(1000); entries.length > 0;) {
    for (const [key, value] of entries) found.set(String(key), String(value));
    entries = await iterator.nextv(1000);
  }
  await iterator.close();
  await capture.close();
  return found;
}

/** Of every key, value, header and record that a snapshot carries. */
async function contentHash(machine: KvMachine): Promise<string> {
  const snapshot = await machine.snapshot();
  const hash = createHash("sha256");
  for await (const chunk of snapshot.chunks(1024 * 1024)) hash.update(chunk);
  await snapshot.close();
  return hash.digest("hex");
}
