import { prng } from "@holdfast/platform";
import type { KvOperation } from "../../src/kv/kv-commands.ts";
import type { CommittedEntry } from "../../src/machine/state-machine.ts";
import { encodeCommand, type SoundCommand } from "../kv/naive-store.ts";

const KEYS = 4_000;
const COMMANDS = 20;
const MAX_VALUE_BYTES = 1_000;

/** The commands of the entry at `index`: a function of it alone. */
export function workloadCommands(index: number): readonly SoundCommand[] {
  if (index === 1) return [];
  const random = prng(index);
  const key = (): Buffer => Buffer.from(`key-${String(random.integer(0, KEYS)).padStart(6, "0")}`);
  const value = (): Buffer => Buffer.alloc(random.integer(0, MAX_VALUE_BYTES), `${index} `);
  const operation = (): KvOperation =>
    random.integer(0, 4) === 0
      ? { type: "delete", key: key() }
      : { type: "put", key: key(), value: value() };
  const command = (): SoundCommand => {
    const dice = random.integer(0, 100);
    if (dice < 80) return { type: "put", key: key(), value: value() };
    if (dice < 90) return { type: "delete", key: key() };
    if (dice < 98) return { type: "batch", operations: [operation(), operation(), operation()] };
    return { type: "clear", range: { gte: key(), limit: 5, reverse: dice === 99 } };
  };
  return Array.from({ length: COMMANDS }, command);
}

/** The log that every run writes. The first entry configures the group. */
export function workloadEntry(index: number): CommittedEntry {
  const place = { index, term: 1 + Math.floor(index / 500), logTime: 1_000 * index, epoch: 1 };
  const commands = workloadCommands(index).map(encodeCommand);
  return { ...place, commands, ...(index === 1 && { configuration: CONFIGURATION }) };
}

const CONFIGURATION = {
  confState: {
    voters: [1, 2, 3],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  },
  members: new Map([1, 2, 3].map((id) => [id, { address: `127.0.0.1:${7000 + id}` }])),
};
