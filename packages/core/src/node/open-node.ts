import type { Platform } from "@holdfast/platform";
import { resolveSettings } from "../config/resolve.ts";
import type { NodeSettings } from "../config/settings.ts";
import type { HoldfastDatabaseOptions } from "../database/holdfast-database.ts";
import { kvMachine } from "../kv/kv-machine.ts";
import type { StoreEngine } from "../kv/store-engine.ts";
import type { StateMachine, StateMachineFactory } from "../machine/state-machine.ts";
import type { DatabaseNode, HoldfastNode } from "./holdfast-node.ts";
import { LevelNode } from "./level-node.ts";
import { MachineNode } from "./machine-node.ts";

/** Settings, which are data, and the parts of the world, which are objects. */
export interface NodeOptions<KDefault = string, VDefault = string> extends NodeSettings {
  /** Clock, randomness, disk, network: replaced one by one, or as a whole by a simulator. @defaultValue Node's own */
  readonly platform?: Partial<Platform>;
  /** Where the database keeps its keys. @defaultValue `classicLevelEngine()`: LevelDB */
  readonly engine?: StoreEngine;
  /** Encodings of `db`, where a call names none. @defaultValue UTF-8 text */
  readonly database?: HoldfastDatabaseOptions<KDefault, VDefault>;
}

/** As {@link NodeOptions}, with a state machine of the embedder's in the place of the database. */
export interface MachineOptions<Machine extends StateMachine> extends NodeSettings {
  /** See {@link NodeOptions.platform}. */
  readonly platform?: Partial<Platform>;
  /** Opens the state machine. Must build the same state from the same entries on every member. */
  readonly machine: StateMachineFactory<Machine>;
}

/**
 * Opens a member of a replicated database. Throws `ConfigError` before anything is touched; rejects with a `HoldfastError`: `LOCKED`, `IDENTITY`, `CORRUPT`, `ADDRESS`,
 * `UNSUPPORTED`. Resolves when the node takes part; it may not know a leader yet, and reads and writes wait for one.
 *
 * @example
 * ```ts
 * const node = await openNode({
 *   directory: "./data",
 *   id: 1,
 *   cluster: { name: "orders", members: [{ id: 1, address: "127.0.0.1:7001" }] },
 * });
 * await node.db.put("key", "value");
 * ```
 */
export async function openNode<KDefault = string, VDefault = string>(
  options: NodeOptions<KDefault, VDefault>,
): Promise<DatabaseNode<KDefault, VDefault>> {
  const node = createNode(options);
  await node.open();
  return node;
}

/**
 * As {@link openNode}, but returns at once, before anything is opened. As every `abstract-level` database, `db` begins to open by itself at
 * the end of the turn, and its node with it; what is asked of it in the meantime waits. `open()` waits, too, and says what failed. Throws `ConfigError`.
 */
export function createNode<KDefault = string, VDefault = string>(
  options: NodeOptions<KDefault, VDefault>,
): DatabaseNode<KDefault, VDefault> {
  const { platform, engine, database, ...settings } = options;
  return new LevelNode(
    resolveSettings(settings),
    platform ?? {},
    kvMachine(engine === undefined ? {} : { engine }),
    database ?? {},
  );
}

/** Opens a member of a group that replicates a state machine of the embedder's. Throws and rejects as {@link openNode}. */
export async function openMachine<Machine extends StateMachine>(
  options: MachineOptions<Machine>,
): Promise<HoldfastNode<Machine>> {
  const { platform, machine, ...settings } = options;
  const node = new MachineNode(resolveSettings(settings), platform ?? {}, machine);
  await node.open();
  return node;
}
