// A state machine of one's own: counters, in memory, and from checkpoint to checkpoint in one file.
import { createHash } from "node:crypto";
import {
  type AppliedState,
  type Command,
  type CommandResult,
  type CommittedEntry,
  HoldfastError,
  type MachineSnapshot,
  type StateMachine,
  type StateMachineContext,
} from "@holdfast/core";

const ADD = 0x40;

const FRESH: AppliedState = {
  index: 0,
  term: 0,
  logTime: 0,
  epoch: 0,
  confState: { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
  members: new Map(),
  stateHash: new Uint8Array(32),
};

/** The command that adds one to a counter, and answers with what it comes to. */
export function increment(name: string): Command {
  return { kind: ADD, body: new TextEncoder().encode(name) };
}

export class Counters implements StateMachine {
  readonly format = "counters/1";
  readonly #context: StateMachineContext;
  #applied: AppliedState;
  #counters: Map<string, number>;

  private constructor(context: StateMachineContext, saved: State | undefined) {
    this.#context = context;
    this.#applied = saved?.applied ?? FRESH;
    this.#counters = saved?.counters ?? new Map<string, number>();
  }

  /** The factory. What was not checkpointed is applied again from the log, so there is nothing to do for `lostUnsynced`. */
  static async open(context: StateMachineContext): Promise<Counters> {
    const { location, platform } = context;
    if ((await platform.disk.stat(`${location}/state`)) === undefined) {
      return new Counters(context, undefined);
    }
    return new Counters(context, decode(await platform.disk.readFile(`${location}/state`)));
  }

  value(name: string): number {
    return this.#counters.get(name) ?? 0;
  }

  applied(): AppliedState {
    return this.#applied;
  }

  apply(entries: readonly CommittedEntry[]): Promise<readonly (readonly CommandResult[])[]> {
    return Promise.resolve(entries.map((entry) => this.#applyOne(entry)));
  }

  #applyOne({ commands, configuration, ...place }: CommittedEntry): readonly CommandResult[] {
    const hash = createHash("sha256").update(this.#applied.stateHash);
    const results = commands.map(({ kind, body }): CommandResult => {
      hash.update(JSON.stringify([place, kind, [...body]]));
      if (kind !== ADD) return { ok: false, error: new TypeError(`unknown command (${kind})`) };
      const name = new TextDecoder().decode(body);
      this.#counters.set(name, this.value(name) + 1);
      return { ok: true, value: this.value(name) };
    });
    const { confState, members } = configuration ?? this.#applied;
    this.#applied = { ...place, confState, members, stateHash: new Uint8Array(hash.digest()) };
    return results;
  }

  async checkpoint(): Promise<number> {
    const { location, platform } = this.#context;
    const { index } = this.#applied;
    await platform.disk.writeFileAtomic(`${location}/state`, this.#encode());
    return index;
  }

  snapshot(): Promise<MachineSnapshot> {
    const bytes = this.#encode();
    async function* chunks(maxChunkBytes: number): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += maxChunkBytes) {
        yield await Promise.resolve(bytes.subarray(at, at + maxChunkBytes));
      }
    }
    return Promise.resolve({ applied: this.#applied, chunks, close: () => Promise.resolve() });
  }

  async restore(applied: AppliedState, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    this.#counters = decode(Buffer.concat(parts)).counters;
    this.#applied = applied;
    await this.checkpoint();
  }

  async sizeBytes(): Promise<number> {
    const { location, platform } = this.#context;
    return (await platform.disk.stat(`${location}/state`))?.size ?? 0;
  }

  async close({ clean }: { readonly clean: boolean }): Promise<void> {
    if (clean) await this.checkpoint();
  }

  #encode(): Uint8Array {
    const { members, stateHash, ...rest } = this.#applied;
    const applied = { ...rest, members: [...members], stateHash: [...stateHash] };
    const json = Buffer.from(JSON.stringify({ applied, counters: [...this.#counters] }));
    return Buffer.concat([createHash("sha256").update(json).digest(), json]);
  }
}

interface State {
  readonly applied: AppliedState;
  readonly counters: Map<string, number>;
}

/** A checksum, and the state that it covers. */
function decode(bytes: Uint8Array): State {
  const [sum, json] = [Buffer.from(bytes.subarray(0, 32)), Buffer.from(bytes.subarray(32))];
  if (!createHash("sha256").update(json).digest().equals(sum)) {
    throw new HoldfastError("CORRUPT", "the counters do not match their checksum");
  }
  const { applied, counters } = JSON.parse(json.toString()) as {
    readonly applied: Omit<AppliedState, "members" | "stateHash"> & {
      readonly members: readonly [number, { readonly address: string }][];
      readonly stateHash: readonly number[];
    };
    readonly counters: readonly [string, number][];
  };
  const { members, stateHash } = applied;
  return {
    applied: { ...applied, members: new Map(members), stateHash: Uint8Array.from(stateHash) },
    counters: new Map(counters),
  };
}
