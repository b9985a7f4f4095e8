import type { Platform, Timer } from "@holdfast/platform";
import type { InstallSnapshot, NodeId } from "raft-ts-lite";
import { HoldfastError } from "../errors.ts";
import type { StateMachine } from "../machine/state-machine.ts";
import { Backoff } from "../transport/backoff.ts";
import { FRAME_KIND } from "../transport/frame.ts";
import type { FrameStream } from "../transport/frame-stream.ts";
import { chunkHash, decodeAnswer, encodeBegin, encodeManifest } from "./snapshot-codec.ts";

const CHUNK_BYTES = 1_048_576;

export interface SnapshotSenderOptions {
  readonly clusterId: Uint8Array;
  readonly group: number;
  readonly machine: () => StateMachine;
  readonly openStream: (to: NodeId) => Promise<FrameStream>;
  readonly report: (to: NodeId, status: "finished" | "failed") => void;
  readonly platform: Pick<Platform, "clock" | "random">;
  /** Between two attempts to send to the same follower. */
  readonly pauses: { readonly reconnectMinMs: number; readonly reconnectMaxMs: number };
}

/** One snapshot on its way, or the pause after one that failed. */
interface Transfer {
  stream: FrameStream | undefined;
  pause: Timer | undefined;
}

/**
 * Streams the state to followers that the log cannot reach any more, each on a connection of its own, so that heartbeats never wait behind it.
 * What is sent is the state of the moment, which may be newer than what the core asked for.
 */
export class SnapshotSender {
  readonly #options: SnapshotSenderOptions;
  readonly #running = new Map<NodeId, Transfer>();
  /** Of followers whose last snapshot failed. */
  readonly #backoffs = new Map<NodeId, Backoff>();
  #closed = false;
  #sent = 0;

  constructor(options: SnapshotSenderOptions) {
    this.#options = options;
  }

  /** Snapshots that were installed at their receiver. */
  get sent(): number {
    return this.#sent;
  }

  /** Starts unless one is already on its way there. Reports how it ended; a failure only after a pause. */
  start(message: InstallSnapshot): void {
    const { to } = message;
    if (this.#closed || this.#running.has(to)) return;
    const transfer: Transfer = { stream: undefined, pause: undefined };
    this.#running.set(to, transfer);
    void this.#send(message, transfer).then(
      () => {
        this.#backoffs.delete(to);
        this.#sent += 1;
        this.#ended(to, "finished");
      },
      () => {
        // Whatever went wrong, the answer is the same: the core probes the follower and asks again.
        transfer.stream?.destroy();
        this.#failed(to, transfer);
      },
    );
  }

  /** The core asks again with the next answer of the follower. One whose disk is full would be sent the whole state many times a second. */
  #failed(to: NodeId, transfer: Transfer): void {
    if (this.#closed) return;
    const { platform, pauses } = this.#options;
    const backoff =
      this.#backoffs.get(to) ??
      new Backoff(platform.random, pauses.reconnectMinMs, pauses.reconnectMaxMs);
    this.#backoffs.set(to, backoff);
    transfer.pause = platform.clock.setTimer(backoff.next(), () => {
      this.#ended(to, "failed");
    });
  }

  #ended(to: NodeId, status: "finished" | "failed"): void {
    this.#running.delete(to);
    this.#options.report(to, status);
  }

  close(): void {
    this.#closed = true;
    for (const { stream, pause } of this.#running.values()) {
      stream?.destroy();
      pause?.cancel();
    }
  }

  async #send({ to, term }: InstallSnapshot, transfer: Transfer): Promise<void> {
    const { clusterId, group, machine } = this.#options;
    const { format } = machine();
    const view = await machine().snapshot();
    try {
      const stream = await this.#options.openStream(to);
      transfer.stream = stream;
      const { applied } = view;
      await stream.send(FRAME_KIND.snapshotBegin, group, [encodeBegin({ format, term, applied })]);
      const chunks: { readonly hash: Uint8Array; readonly bytes: number }[] = [];
      let bytes = 0;
      for await (const chunk of view.chunks(CHUNK_BYTES)) {
        chunks.push({ hash: chunkHash(chunk), bytes: chunk.length });
        bytes += chunk.length;
        await stream.send(FRAME_KIND.snapshotChunk, group, [chunk]);
      }
      const manifest = encodeManifest({
        clusterId,
        group,
        format,
        applied,
        bytes,
        chunks,
      });
      await stream.send(FRAME_KIND.snapshotManifest, group, [manifest]);
      await expectAnswer(stream);
      stream.end();
    } finally {
      await view.close();
    }
  }
}

async function expectAnswer(stream: FrameStream): Promise<void> {
  for await (const { kind, body } of stream.frames()) {
    if (kind !== FRAME_KIND.snapshotAnswer) continue;
    const { ok, reason } = decodeAnswer(body);
    if (ok) return;
    throw new HoldfastError("UNAVAILABLE", `snapshot was refused: ${reason}`);
  }
  throw new HoldfastError("UNAVAILABLE", "snapshot stream ended without an answer");
}
