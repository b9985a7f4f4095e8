import {
  HoldfastError,
  type StateMachineContext,
  type Store,
  type StoreEngine,
} from "@holdfast/core";
import type { Random } from "@holdfast/platform";
import { between } from "../faults/chance.ts";
import type { SimulatedProcess } from "../world/process.ts";
import type { World } from "../world/world.ts";
import { SimulatedLevel } from "./simulated-level.ts";
import { StoreContent } from "./store-content.ts";

/** How long operations take: at least, and on average. */
interface StoreLatency {
  readonly minMs: number;
  readonly meanMs: number;
}

/** How long a store takes for what it does. */
export interface StoreSettings {
  readonly read: StoreLatency;
  readonly write: StoreLatency;
  readonly flush: StoreLatency;
}

/** Options of {@link SimulatedStores}. */
export interface SimulatedStoresOptions {
  readonly world: World;
  /** Of its own. */
  readonly random: Random;
  readonly host: number;
  readonly settings?: Partial<StoreSettings>;
}

const DEFAULT_SETTINGS: StoreSettings = {
  read: { minMs: 0.02, meanMs: 0.1 },
  write: { minMs: 0.02, meanMs: 0.1 },
  flush: { minMs: 0.5, meanMs: 4 },
};

/** In the directory of every store: says which one it is. */
const MARK = "STORE";

/**
 * The stores of one host. They take the place of LevelDB, which cannot run on a simulated disk: a directory on the disk says which store it holds, and
 * lives and dies as directories do; the content is kept here. After a power cut any part of the batches since the last flush is left.
 */
export class SimulatedStores {
  readonly #world: World;
  readonly #random: Random;
  readonly #host: number;
  readonly #settings: StoreSettings;
  readonly #contents = new Map<string, StoreContent>();
  #next = 1;

  constructor({ world, random, host, settings }: SimulatedStoresOptions) {
    this.#world = world;
    this.#random = random;
    this.#host = host;
    this.#settings = { ...DEFAULT_SETTINGS, ...settings };
  }

  /** Opens stores for one life of a process. */
  engine(process: SimulatedProcess): StoreEngine {
    return { open: (context) => this.#open(process, context) };
  }

  async #open(process: SimulatedProcess, context: StateMachineContext): Promise<Store> {
    const content = await this.#contentAt(context);
    if (context.lostUnsynced) content.forgetUnflushed();
    const level = new SimulatedLevel(content, {
      read: () => this.#after(process, this.#settings.read),
      write: (happen) => this.#after(process, this.#settings.write, happen),
    });
    await level.open();
    await level.load();
    return {
      level,
      flush: async () => {
        const { mark } = content;
        const happen = content.begin(() => {
          content.flush(mark);
        });
        await this.#after(process, this.#settings.flush, happen);
      },
      sizeBytes: () => Promise.resolve(content.bytes),
    };
  }

  async #contentAt({ location, platform }: StateMachineContext): Promise<StoreContent> {
    const { disk } = platform;
    const path = `${location}/${MARK}`;
    if ((await disk.list(location)).includes(MARK)) {
      const name = Buffer.from(await disk.readFile(path)).toString("latin1");
      const content = this.#contents.get(name);
      if (content !== undefined) return content;
      throw new HoldfastError(
        "CORRUPT",
        `store (${location}) cannot be opened: ${path} is damaged`,
      );
    }
    const name = `store ${this.#next} of host ${this.#host}\n`;
    this.#next += 1;
    const content = new StoreContent();
    this.#contents.set(name, content);
    await disk.writeFileAtomic(path, Buffer.from(name));
    return content;
  }

  /** Lets something happen to the stores when it is due, whether the process is paused or not, then tells the process. */
  #after(
    process: SimulatedProcess,
    { minMs, meanMs }: StoreLatency,
    happen?: () => void,
  ): Promise<void> {
    const delayMs = between(this.#random, minMs, 2 * meanMs - minMs);
    if (happen !== undefined) this.#world.after(delayMs, happen);
    return new Promise((resolve) => {
      process.after(delayMs, resolve);
    });
  }

  /** The process died; with `power` the machine did. */
  crash({ power }: { readonly power: boolean }): void {
    for (const content of this.#contents.values()) content.crash(power, this.#random);
  }

  /** A new disk in place of the old one. */
  wipe(): void {
    this.#contents.clear();
  }
}
