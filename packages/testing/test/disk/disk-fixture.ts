import type { Disk, Random } from "@holdfast/platform";
import { SimulatedDisk, type SimulatedDiskOptions } from "../../src/disk/simulated-disk.ts";
import type { TraceEvent } from "../../src/trace/trace.ts";
import type { HostProcess } from "../../src/world/host-process.ts";
import type { SimulatedWorld } from "../../src/world/world.ts";
import { Pump } from "./pump.ts";

/** A disk whose processes come and go. */
export class DiskUnderTest {
  readonly world: SimulatedWorld;
  readonly disk: SimulatedDisk;
  readonly trace: TraceEvent[] = [];
  /** For what a test draws. */
  readonly random: Random;
  mounted: Disk;
  readonly #pump: Pump;
  #process: HostProcess;

  constructor(seed: number, options: Partial<SimulatedDiskOptions> = {}) {
    this.#pump = new Pump(seed);
    this.world = this.#pump.world;
    this.random = this.world.random("test");
    this.disk = new SimulatedDisk({
      world: this.world,
      random: this.world.random("disk"),
      host: 1,
      trace: (event) => this.trace.push(event),
      ...options,
    });
    this.#process = this.#pump.newProcess();
    this.mounted = this.disk.mount(this.#process);
  }

  /** Carries out events until it settles. */
  run<T>(promise: Promise<T>): Promise<T> {
    return this.#pump.run(promise);
  }

  runFor(forMs: number): Promise<void> {
    return this.#pump.runFor(forMs);
  }

  /** The process dies, and another one comes. */
  crash({ power }: { readonly power: boolean }): void {
    this.#process.kill();
    this.disk.crash({ power });
    this.#process = this.#pump.newProcess();
    this.mounted = this.disk.mount(this.#process);
  }

  read(path: string): Promise<Uint8Array> {
    return this.run(this.mounted.readFile(path));
  }
}

/** So many equal bytes. */
export function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value);
}

/** What `check` says of each seed, counted. */
export async function tally(
  seeds: number,
  check: (seed: number) => Promise<string>,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let seed = 0; seed < seeds; seed += 1) {
    const answer = await check(seed);
    counts[answer] = (counts[answer] ?? 0) + 1;
  }
  return counts;
}
