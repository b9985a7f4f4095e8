import type { Platform } from "@holdfast/platform";
import type { ResolvedSettings } from "../config/settings.ts";
import type { HoldfastDatabase, HoldfastDatabaseOptions } from "../database/holdfast-database.ts";
import { LevelDatabase } from "../database/level-database.ts";
import type { DatabasePort } from "../database/port.ts";
import { HoldfastError } from "../errors.ts";
import type { Command } from "../format/sealed-batch.ts";
import { isKnownKind } from "../kv/kv-commands.ts";
import type { KvMachine } from "../kv/kv-machine.ts";
import type { KvCapture } from "../kv/kv-reader.ts";
import type { Revision } from "../kv/value-header.ts";
import type { StateMachineFactory } from "../machine/state-machine.ts";
import type { DatabaseNode } from "./holdfast-node.ts";
import {
  checkKeys,
  checkScan,
  type ReadResult,
  type ScanRange,
  type ScanResult,
  writeCommand,
  type WriteOperation,
} from "./key-access.ts";
import { MachineNode } from "./machine-node.ts";
import type { PlacedResult } from "./proposal-queue.ts";

/** See {@link DatabaseNode}. */
export class LevelNode<KDefault = string, VDefault = string>
  extends MachineNode<KvMachine>
  implements DatabaseNode<KDefault, VDefault>
{
  readonly #database: LevelDatabase<KDefault, VDefault>;

  constructor(
    settings: ResolvedSettings,
    platform: Partial<Platform>,
    factory: StateMachineFactory<KvMachine>,
    options: HoldfastDatabaseOptions<KDefault, VDefault>,
  ) {
    super(settings, platform, factory);
    this.#database = new LevelDatabase(this.#port(), options);
  }

  get db(): HoldfastDatabase<KDefault, VDefault> {
    return this.#database;
  }

  /** Opens node and database; see {@link MachineNode.open}. Idempotent. */
  override async open(): Promise<void> {
    // A node that stopped itself leaves the database behind as it was: open, as far as abstract-level knows.
    if (this.failure !== undefined) await this.db.close();
    await unwrapped(this.db.open());
  }

  /** Closes database and node; see {@link MachineNode.close}. Idempotent. */
  override async close(): Promise<void> {
    await unwrapped(this.db.close());
  }

  /** A command that the store does not know would stop every member that applies it, at each start anew. */
  override async propose(command: Command): Promise<unknown> {
    if (!isKnownKind(command.kind)) {
      throw new TypeError(`the database knows no command of kind (${command.kind})`);
    }
    return await super.propose(command);
  }

  async write(operations: readonly WriteOperation[]): Promise<{ readonly revision: Revision }> {
    const command = writeCommand(operations, this.settings.limits);
    const { replica } = this.runtime();
    const propose = (): Promise<PlacedResult> => replica.proposePlaced(command);
    const placed = await this.#database.inOrder(command.body.length, propose);
    if (!placed.result.ok) throw placed.result.error;
    return { revision: { index: placed.index, position: placed.position } };
  }

  async read(keys: readonly Uint8Array[]): Promise<ReadResult> {
    checkKeys(keys);
    // The caller may reuse the array and its buffers while the quorum is asked.
    const wanted = keys.map((key) => Uint8Array.from(key));
    return await this.#captured(async (capture) => ({
      index: await capture.appliedIndex(),
      values: await capture.revised(wanted),
    }));
  }

  async scan(range: ScanRange): Promise<ScanResult> {
    const wanted = checkScan(range);
    return await this.#captured(async (capture) => ({
      index: await capture.appliedIndex(),
      entries: await capture.scan(wanted),
    }));
  }

  /** Reads, from one captured state, what contains everything that was acknowledged before this call. */
  async #captured<T>(read: (capture: KvCapture) => Promise<T>): Promise<T> {
    const { replica, slot, ended } = this.runtime();
    await replica.readIndex();
    for (;;) {
      const { machine } = slot;
      try {
        return await readFrom(machine.reader.capture(), read);
      } catch (error) {
        if (ended.aborted) throw ended.reason;
        // A received state that was switched in under way is newer, so it answers as well.
        if (slot.machine === machine) throw error;
      }
    }
  }

  #port(): DatabasePort {
    const switchListeners = new Set<() => void>();
    return {
      limits: this.settings.limits,
      propose: (command) => super.propose(command),
      readBarrier: () => this.readBarrier(),
      readIndex: () =>
        this.runtimePromise(async ({ replica }) => {
          return replica.lastCommandIndex(await replica.readIndex());
        }),
      reader: () => this.machine.reader,
      onSwitch: (listener) => {
        switchListeners.add(listener);
        return () => switchListeners.delete(listener);
      },
      open: async () => {
        await super.open();
        this.runtime().slot.onSwitch(() => {
          for (const listener of [...switchListeners]) listener();
        });
      },
      endReads: () => {
        this.endReads();
      },
      close: () => super.close(),
    };
  }
}

async function readFrom<T>(
  capture: KvCapture,
  read: (capture: KvCapture) => Promise<T>,
): Promise<T> {
  try {
    return await read(capture);
  } finally {
    await capture.close();
  }
}

/** To users of the database the code of a failure is that of abstract-level; who opens or closes a node wants the reason. */
async function unwrapped(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw error instanceof Error && error.cause instanceof HoldfastError ? error.cause : error;
  }
}
