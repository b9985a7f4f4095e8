import { crc32c, writeU64 } from "../format/bytes.ts";
import { writeConfState } from "../format/conf-state-codec.ts";
import {
  COMPACTED_BYTES,
  COMPACTION_RECORD_BYTES,
  type Compaction,
  FRAME_ALIGNMENT,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  FRAME_VERSION,
  type GroupWrite,
  HARD_STATE_BYTES,
  KIND_COMPACTED,
  KIND_ENTRY,
  KIND_HARD_STATE,
  KIND_SNAPSHOT,
  RECORD_HEADER_BYTES,
  alignFrame,
  groupWriteBytes,
  sealedBytes,
  snapshotRecordBytes,
} from "./commit-frame.ts";

/** An entry at least this long goes to the disk from where it lies; a shorter one is cheaper to copy than to hand over. */
const DIRECT_BYTES = 16_384;
/** More memory than this is not kept between frames. */
const KEPT_BYTES = 1 << 20;

/** Where a frame goes and what it says about its surroundings. */
export interface FramePlace {
  /** Checksum of the frame before, or of the segment head. */
  readonly chain: number;
  readonly segment: number;
  readonly offset: number;
  /** Log position up to which the log is known to be synced. */
  readonly synced: number;
}

/** A frame ready to be written. */
export interface EncodedFrame {
  /** Consecutive; padded so that the next frame may follow. */
  readonly buffers: readonly Uint8Array[];
  /** All of `buffers`. */
  readonly bytes: number;
  readonly crc: number;
  /** Offset in the frame of every sealed entry, in the order of the writes. */
  readonly entryOffsets: readonly number[];
}

/** Builds frames, one after the other, in memory that it uses again: a frame must be on disk before the next one is begun. */
export class FrameEncoder {
  #room = Buffer.alloc(0);
  #at = 0;
  #records = 0;
  /** Everything in `#room` before this is in `#pieces`. */
  #cut = 0;
  #pieces: Buffer[] = [];
  /** Bytes of the entries among `#pieces`. */
  #direct = 0;
  #entryOffsets: number[] = [];

  /** Encodes writes, then compactions, into one frame. */
  encode(
    place: FramePlace,
    writes: readonly GroupWrite[],
    compactions: readonly Compaction[],
  ): EncodedFrame {
    this.#begin(writes, compactions);
    for (const write of writes) this.#write(write);
    for (const compaction of compactions) this.#compaction(compaction);
    return this.#finish(place);
  }

  #begin(writes: readonly GroupWrite[], compactions: readonly Compaction[]): void {
    let bytes = FRAME_HEADER_BYTES + compactions.length * COMPACTION_RECORD_BYTES;
    for (const write of writes) {
      bytes += groupWriteBytes(write);
      for (const entry of write.entries ?? []) {
        const length = sealedBytes(entry).length;
        if (length >= DIRECT_BYTES) bytes -= length;
      }
    }
    const needed = alignFrame(bytes) + FRAME_ALIGNMENT;
    if (this.#room.length < needed || this.#room.length > KEPT_BYTES) {
      this.#room = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(needed * 2, KEPT_BYTES)));
    }
    this.#at = FRAME_HEADER_BYTES;
    this.#cut = 0;
    this.#records = 0;
    this.#pieces = [];
    this.#direct = 0;
    this.#entryOffsets = [];
  }

  #write(write: GroupWrite): void {
    const { group, snapshot, entries, hardState } = write;
    if (snapshot !== undefined) {
      this.#record(KIND_SNAPSHOT, group, snapshotRecordBytes(snapshot));
      this.#u64(snapshot.index);
      this.#u64(snapshot.term);
      this.#at = writeConfState(this.#room, this.#at, snapshot.confState);
    }
    for (const entry of entries ?? []) {
      const sealed = sealedBytes(entry);
      this.#record(KIND_ENTRY, group, sealed.length);
      this.#entryOffsets.push(this.#at + this.#direct);
      if (sealed.length >= DIRECT_BYTES) {
        this.#flush();
        this.#pieces.push(sealed);
        this.#direct += sealed.length;
      } else {
        this.#room.set(sealed, this.#at);
        this.#at += sealed.length;
      }
    }
    if (hardState !== undefined) {
      this.#record(KIND_HARD_STATE, group, HARD_STATE_BYTES);
      this.#u64(hardState.term);
      this.#u64(hardState.vote);
      this.#u64(hardState.commit);
    }
  }

  #compaction({ group, index, term }: Compaction): void {
    this.#record(KIND_COMPACTED, group, COMPACTED_BYTES);
    this.#u64(index);
    this.#u64(term);
  }

  #record(kind: number, group: number, length: number): void {
    this.#room.writeUInt8(kind, this.#at);
    this.#room.writeUInt8(0, this.#at + 1);
    this.#room.writeUInt16LE(0, this.#at + 2);
    this.#room.writeUInt32LE(group, this.#at + 4);
    this.#room.writeUInt32LE(length, this.#at + 8);
    this.#at += RECORD_HEADER_BYTES;
    this.#records += 1;
  }

  #u64(value: number): void {
    writeU64(this.#room, value, this.#at);
    this.#at += 8;
  }

  #flush(): void {
    if (this.#at > this.#cut) this.#pieces.push(this.#room.subarray(this.#cut, this.#at));
    this.#cut = this.#at;
  }

  #finish(place: FramePlace): EncodedFrame {
    this.#flush();
    const length = this.#at + this.#direct - FRAME_HEADER_BYTES;
    const header = this.#room.subarray(0, FRAME_HEADER_BYTES);
    header.set(FRAME_MAGIC, 0);
    header.writeUInt32LE(length, 4);
    header.writeUInt32LE(place.chain, 12);
    header.writeUInt8(FRAME_VERSION, 16);
    header.writeUInt8(0, 17);
    header.writeUInt16LE(0, 18);
    header.writeUInt32LE(this.#records, 20);
    writeU64(header, place.segment, 24);
    writeU64(header, place.offset, 32);
    writeU64(header, place.synced, 40);
    const crc = this.#crc();
    header.writeUInt32LE(crc, 8);
    const padding = alignFrame(length) - length;
    if (padding > 0) {
      this.#room.fill(0, this.#at, this.#at + padding);
      this.#pieces.push(this.#room.subarray(this.#at, this.#at + padding));
    }
    return {
      buffers: this.#pieces,
      bytes: FRAME_HEADER_BYTES + length + padding,
      crc,
      entryOffsets: this.#entryOffsets,
    };
  }

  #crc(): number {
    let crc = 0;
    let skip = 12;
    for (const piece of this.#pieces) {
      crc = crc32c(piece.subarray(skip), crc);
      skip = 0;
    }
    return crc;
  }
}
