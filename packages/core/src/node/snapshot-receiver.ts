import type { InstallSnapshot, NodeId } from "raft-ts-lite";
import { HoldfastError } from "../errors.ts";
import type { StateMachine } from "../machine/state-machine.ts";
import { FRAME_KIND, type Frame } from "../transport/frame.ts";
import type { FrameStream } from "../transport/frame-stream.ts";
import {
  chunkHash,
  decodeBegin,
  decodeManifest,
  encodeAnswer,
  type SnapshotBegin,
} from "./snapshot-codec.ts";
import type { PreparedStore, StoreSlot } from "./store-slot.ts";

export interface SnapshotReceiverOptions<Machine extends StateMachine> {
  readonly self: NodeId;
  readonly clusterId: Uint8Array;
  readonly group: number;
  readonly slot: StoreSlot<Machine>;
  /** Takes over the store, whatever the answer. */
  readonly install: (message: InstallSnapshot, store: PreparedStore<Machine>) => Promise<boolean>;
}

/** Builds a received snapshot beside the live state, checks it to the last byte, and only then offers it to the replica. One at a time. */
export class SnapshotReceiver<Machine extends StateMachine> {
  readonly #options: SnapshotReceiverOptions<Machine>;
  #running: { readonly stream: FrameStream; readonly done: Promise<void> } | undefined;
  #closed = false;

  constructor(options: SnapshotReceiverOptions<Machine>) {
    this.#options = options;
  }

  /** Takes over a stream that a peer opened. */
  accept(from: NodeId, stream: FrameStream): void {
    if (this.#closed || this.#running !== undefined) {
      void answer(stream, this.#options.group, "another snapshot is being received");
      return;
    }
    const done = this.#receive(from, stream).finally(() => {
      this.#running = undefined;
    });
    this.#running = { stream, done };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#running?.stream.destroy();
    await this.#running?.done;
  }

  /** Never rejects: the sender learns what went wrong, or loses its connection. */
  async #receive(from: NodeId, stream: FrameStream): Promise<void> {
    try {
      await this.#build(from, stream);
      await answer(stream, this.#options.group, undefined);
    } catch (error) {
      await answer(stream, this.#options.group, error instanceof Error ? error.message : "failed");
    }
  }

  async #build(from: NodeId, stream: FrameStream): Promise<void> {
    const { slot, self, install } = this.#options;
    const frames = stream.frames()[Symbol.asyncIterator]();
    const begin = decodeBegin(await expectFrame(frames, FRAME_KIND.snapshotBegin));
    if (begin.format !== slot.machine.format) {
      throw new HoldfastError(
        "UNSUPPORTED",
        `snapshot has format (${begin.format}), this node's state machine knows (${slot.machine.format})`,
      );
    }
    const prepared = await slot.prepare();
    try {
      await prepared.machine.restore(begin.applied, checkedChunks(begin, frames, this.#options));
    } catch (error) {
      await slot.discard(prepared);
      throw error;
    }
    const { index, term, confState } = begin.applied;
    const snapshot = { metadata: { index, term, confState }, data: new Uint8Array(0) };
    await install(
      { type: "InstallSnapshot", from, to: self, term: begin.term, snapshot },
      prepared,
    );
  }
}

/** Yields the chunks and ends only after the manifest that follows them has confirmed every one. */
async function* checkedChunks(
  begin: SnapshotBegin,
  frames: AsyncIterator<Frame>,
  own: { readonly clusterId: Uint8Array; readonly group: number },
): AsyncIterable<Uint8Array> {
  const hashes: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const { kind, body } = await nextFrame(frames);
    if (kind === FRAME_KIND.snapshotManifest) {
      const manifest = decodeManifest(body);
      const sound =
        Buffer.compare(manifest.clusterId, own.clusterId) === 0 &&
        manifest.group === own.group &&
        manifest.bytes === bytes &&
        manifest.chunks.length === hashes.length &&
        manifest.applied.index === begin.applied.index &&
        manifest.chunks.every(({ hash }, i) => Buffer.compare(hash, hashes[i] ?? hash) === 0);
      if (sound) return;
      throw new HoldfastError("CORRUPT", "snapshot chunks do not match their manifest");
    }
    if (kind !== FRAME_KIND.snapshotChunk) {
      throw new HoldfastError("CORRUPT", `unexpected frame of kind (${kind}) in a snapshot`);
    }
    hashes.push(chunkHash(body));
    bytes += body.length;
    yield body;
  }
}

async function expectFrame(frames: AsyncIterator<Frame>, kind: number): Promise<Uint8Array> {
  const frame = await nextFrame(frames);
  if (frame.kind === kind) return frame.body;
  throw new HoldfastError("CORRUPT", `expected a frame of kind (${kind}), got (${frame.kind})`);
}

async function nextFrame(frames: AsyncIterator<Frame>): Promise<Frame> {
  const next = await frames.next();
  if (next.done === true) throw new HoldfastError("UNAVAILABLE", "snapshot stream was cut");
  return next.value;
}

async function answer(
  stream: FrameStream,
  group: number,
  failure: string | undefined,
): Promise<void> {
  try {
    const body = encodeAnswer({ ok: failure === undefined, reason: failure ?? "" });
    await stream.send(FRAME_KIND.snapshotAnswer, group, [body]);
    stream.end();
  } catch {
    // The sender is gone and will start again.
    stream.destroy();
  }
}
