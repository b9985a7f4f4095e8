import type { Platform } from "@holdfast/platform";
import { z } from "zod";
import type { StateMachine, StateMachineFactory } from "../machine/state-machine.ts";
import { readStateFile, writeStateFile } from "./state-file.ts";

const schema = z.object({
  store: z.string().regex(/^store-\d+$/),
  bootId: z.string(),
  clean: z.boolean(),
  next: z.int(),
});

type Current = z.infer<typeof schema>;

/** A state machine that was filled beside the live one and is not switched in yet. */
export interface PreparedStore<Machine extends StateMachine> {
  readonly machine: Machine;
  readonly name: string;
}

/**
 * The place of the live state machine: which of the `store-<n>` directories counts is decided by the file `CURRENT` alone (docs/formats.md,
 * section 4), so a received snapshot is switched in by one atomic replacement.
 */
export class StoreSlot<Machine extends StateMachine> {
  readonly #platform: Platform;
  readonly #directory: string;
  readonly #factory: StateMachineFactory<Machine>;
  #current: Current;
  #machine: Machine;
  #listeners = new Set<() => void>();
  /** Made by `prepare`, and neither switched in nor dropped. */
  readonly #prepared = new Set<PreparedStore<Machine>>();
  /** Never rejects. Settled when no checkpoint is running. */
  #checkpoint: Promise<unknown> = Promise.resolve();

  private constructor(
    platform: Platform,
    directory: string,
    factory: StateMachineFactory<Machine>,
    current: Current,
    machine: Machine,
  ) {
    this.#platform = platform;
    this.#directory = directory;
    this.#factory = factory;
    this.#current = current;
    this.#machine = machine;
  }

  /** Opens the live state machine, or an empty one, and removes what an interrupted snapshot left behind. */
  static async open<Machine extends StateMachine>(
    platform: Platform,
    directory: string,
    factory: StateMachineFactory<Machine>,
  ): Promise<StoreSlot<Machine>> {
    const { disk } = platform;
    const bootId = await disk.bootId();
    const found = await readCurrent(platform, directory);
    const current: Current = {
      store: found?.store ?? "store-1",
      bootId,
      clean: false,
      next: found?.next ?? 2,
    };
    for (const name of await disk.list(directory)) {
      if (/^store-\d+$/.test(name) && name !== current.store)
        await disk.remove(`${directory}/${name}`);
    }
    const location = `${directory}/${current.store}`;
    await disk.createDirectory(location);
    const lostUnsynced = found !== undefined && !found.clean && found.bootId !== bootId;
    const machine = await factory({ location, platform, lostUnsynced });
    // Only now: had the machine been restarted while the state was being opened, the next open must see that, too.
    await writeCurrent(platform, directory, current);
    return new StoreSlot(platform, directory, factory, current, machine);
  }

  get machine(): Machine {
    return this.#machine;
  }

  /** Calls `listener` after every switch, in the same turn. Returns the way to end that. */
  onSwitch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Makes an empty state machine beside the live one. */
  async prepare(): Promise<PreparedStore<Machine>> {
    const name = `store-${this.#current.next}`;
    this.#current = { ...this.#current, next: this.#current.next + 1 };
    const location = `${this.#directory}/${name}`;
    await this.#platform.disk.createDirectory(location);
    const machine = await this.#factory({
      location,
      platform: this.#platform,
      lostUnsynced: false,
    });
    const prepared = { machine, name };
    this.#prepared.add(prepared);
    return prepared;
  }

  /** Makes the live state durable; resolves with the index up to which it is. No machine is closed before its checkpoint has ended. */
  checkpoint(): Promise<number> {
    const running = this.#machine.checkpoint();
    this.#checkpoint = Promise.allSettled([this.#checkpoint, running]);
    return running;
  }

  /** Drops a prepared state machine that is not wanted. */
  async discard(prepared: PreparedStore<Machine>): Promise<void> {
    this.#prepared.delete(prepared);
    await prepared.machine.close({ clean: false });
    await this.#platform.disk.remove(`${this.#directory}/${prepared.name}`);
  }

  /** Puts a prepared, durable state machine in the place of the live one; durable when it resolves. The old one is closed and removed. */
  async switchTo(prepared: PreparedStore<Machine>): Promise<void> {
    const old = { machine: this.#machine, store: this.#current.store };
    const current = { ...this.#current, store: prepared.name };
    await writeCurrent(this.#platform, this.#directory, current);
    this.#current = current;
    this.#machine = prepared.machine;
    this.#prepared.delete(prepared);
    for (const listener of [...this.#listeners]) listener();
    await this.#checkpoint;
    await old.machine.close({ clean: false });
    await this.#platform.disk.remove(`${this.#directory}/${old.store}`);
  }

  /** Makes everything durable and says so, so that the next open need not go back to a checkpoint. */
  async closeClean(): Promise<void> {
    await this.#closeRest();
    await this.#machine.close({ clean: true });
    await writeCurrent(this.#platform, this.#directory, { ...this.#current, clean: true });
  }

  /** After a failure: says nothing of durability. */
  async closeDirty(): Promise<void> {
    await this.#closeRest();
    await this.#machine.close({ clean: false });
  }

  /** What must not outlive the slot: a running checkpoint, and a state whose switch failed half-way. */
  async #closeRest(): Promise<void> {
    await this.#checkpoint;
    for (const { machine } of this.#prepared) await machine.close({ clean: false });
    this.#prepared.clear();
  }
}

async function readCurrent(platform: Platform, directory: string): Promise<Current | undefined> {
  return await readStateFile(platform.disk, `${directory}/CURRENT`, schema);
}

async function writeCurrent(
  platform: Platform,
  directory: string,
  current: Current,
): Promise<void> {
  await writeStateFile(platform.disk, `${directory}/CURRENT`, { ...current });
}
