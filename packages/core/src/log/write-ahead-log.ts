import type { Disk } from "@holdfast/platform";
import type { HardState } from "raft-ts-lite";
import { HoldfastError, assert } from "../errors.ts";
import {
  COMPACTION_RECORD_BYTES,
  type Compaction,
  FRAME_HEADER_BYTES,
  type GroupWrite,
  alignFrame,
  groupWriteBytes,
} from "./commit-frame.ts";
import { EntryCache } from "./entry-cache.ts";
import { FrameEncoder } from "./frame-encoder.ts";
import { GroupLog } from "./group-log.ts";
import { recoverLog } from "./log-recovery.ts";
import {
  type LogIdentity,
  bootIdBytes,
  encodeSegmentHead,
  segmentHeadBytes,
  segmentHeadCrc,
} from "./segment-head.ts";
import { type Segment, SegmentSet } from "./segments.ts";

export type { GroupWrite } from "./commit-frame.ts";

/** How to open a {@link WriteAheadLog}. */
export interface WalOptions {
  readonly disk: Disk;
  /** Made when it is missing. The caller holds a lock on it, or on a directory above. */
  readonly directory: string;
  /** Size of a new segment. Larger ones are rarer to change; smaller ones are sooner removed. */
  readonly segmentBytes: number;
  /** Recent entries kept in memory, in sealed bytes, for all groups together. */
  readonly cacheBytes: number;
  readonly identity: LogIdentity;
  readonly bootId: string;
  /** Called once, when a write or sync failed: nothing is written any more, and the node must stop. */
  readonly onFailure: (error: HoldfastError) => void;
}

/** Counters of a {@link WriteAheadLog} since it was opened, and what it holds. */
export interface WalStats {
  readonly segments: number;
  /** Bytes of all segments on disk. */
  readonly bytes: number;
  /** Calls of `append` that became durable. */
  readonly appends: number;
  /** Frames written, each with one sync. */
  readonly syncs: number;
  /** Log position up to which everything is durable. */
  readonly syncedPosition: number;
}

interface Waiting {
  readonly write: GroupWrite;
  /** Nothing in it has to be durable: it needs no frame of its own. */
  readonly lazy: boolean;
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: HoldfastError) => void;
}

/** The room of a frame ends where its length no longer fits its field. */
const MAX_PAYLOAD_BYTES = 0xffff_fff8;

/**
 * The log of a node, for all its groups: docs/formats.md, section 3. Everything that waits when the disk becomes free is written as
 * one frame with one sync. The first failed write or sync ends it for good, since nobody can tell what reached the disk.
 */
export class WriteAheadLog {
  readonly #options: WalOptions;
  readonly #segments: SegmentSet;
  readonly #cache: EntryCache;
  readonly #groups = new Map<number, GroupLog>();
  /** Per group, the last index once everything that waits is written. */
  readonly #lastIndexes = new Map<number, number>();
  readonly #encoder = new FrameEncoder();
  #waiting: Waiting[] = [];
  /** Per group, the term and vote last handed over. */
  readonly #votes = new Map<number, HardState>();
  /** Per group, a commit index that the next frame takes along. */
  readonly #unwritten = new Map<number, GroupWrite>();
  #compactions = new Map<number, Compaction>();
  #running: Promise<void> | undefined;
  #removing: Promise<void> = Promise.resolve();
  #chain = 0;
  /** The last frame of this life holds records. */
  #unwitnessed = false;
  #appends = 0;
  #syncs = 0;
  #failure: HoldfastError | undefined;
  #closed: Promise<void> | undefined;

  private constructor(options: WalOptions) {
    this.#options = options;
    this.#segments = new SegmentSet(options.disk, options.directory);
    this.#cache = new EntryCache(options.cacheBytes);
  }

  /**
   * Opens the log of a directory, or begins one. Throws `CORRUPT` when acknowledged data may be damaged, `IDENTITY` when the log
   * is another node's, `UNSUPPORTED` when newer software wrote it; the directory is then as it was.
   */
  static async open(options: WalOptions): Promise<WriteAheadLog> {
    const log = new WriteAheadLog(options);
    try {
      await log.#open();
    } catch (error) {
      await log.#segments.close();
      throw error;
    }
    return log;
  }

  async #open(): Promise<void> {
    const { disk, directory, identity } = this.#options;
    await disk.createDirectory(directory);
    const chain = await recoverLog({
      disk,
      directory,
      identity,
      segments: this.#segments,
      group: (id) => this.group(id),
    });
    this.#chain = chain ?? 0;
    if (this.#segments.current === undefined) await this.#startSegment(0);
    this.#removeUnneeded();
  }

  get groups(): ReadonlyMap<number, GroupLog> {
    return this.#groups;
  }

  get stats(): WalStats {
    return {
      segments: this.#segments.count,
      bytes: this.#segments.bytes,
      appends: this.#appends,
      syncs: this.#syncs,
      syncedPosition: this.#syncedPosition,
    };
  }

  /** The log of a group; an empty one when the group is new. */
  group(id: number): GroupLog {
    let group = this.#groups.get(id);
    if (group === undefined) {
      group = new GroupLog(id, this.#segments, this.#cache.tail());
      this.#groups.set(id, group);
    }
    return group;
  }

  /**
   * Writes; resolves, in the order of the calls, once the write is durable and the group's log shows it. Entries must follow on
   * what is there or waits; those that are compacted are left out. Rejects with `STOPPED` when the log failed, `CLOSED` after
   * `close`.
   *
   * A write of nothing but a commit index resolves behind the writes before it and reaches the disk with the next frame: Raft can do without
   * it after a crash, and a sync for each would double what a commit costs.
   */
  append(write: GroupWrite): Promise<void> {
    // What the check throws rejects the promise.
    return new Promise((resolve, reject) => {
      this.#check(write);
      const lazy = this.#isLazy(write);
      this.#waiting.push({ write, lazy, bytes: groupWriteBytes(write), resolve, reject });
      this.#wake();
    });
  }

  /**
   * Entries of `group` up to `index` are not needed any more. Takes effect with the next frame, which is begun at once; segments that
   * no group needs are removed afterwards. An index beyond the last entry, where the log then restarts, needs its `term`.
   */
  compact(group: number, index: number, term?: number): void {
    if (this.#failure !== undefined || this.#closed !== undefined) return;
    const log = this.group(group);
    if (index < log.firstIndex()) return;
    const known = term ?? log.term(index);
    assert(
      known > 0,
      `compaction of group (${group}) to (${index}) beyond (${log.lastIndex()}) without a term`,
    );
    const waiting = this.#compactions.get(group);
    if (waiting !== undefined && waiting.index >= index) return;
    this.#compactions.set(group, { group, index, term: known });
    this.#lastIndexes.set(group, Math.max(index, this.#lastIndex(group)));
    this.#wake();
  }

  /** Waits until everything that was handed over is durable, ends the log with a frame that says so, and closes the files. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    await this.#running;
    await this.#witness();
    await this.#removing;
    await this.#segments.close();
  }

  /**
   * A last frame that holds nothing but commit indexes, or nothing at all. It says of the one before it that it is synced: damage to that
   * can then not be taken for a torn write.
   */
  async #witness(): Promise<void> {
    const { current } = this.#segments;
    const room = current === undefined ? 0 : current.size - current.end;
    // A segment would be too much for what nobody needs.
    if (alignFrame(FRAME_HEADER_BYTES + this.#unwrittenBytes) > room) this.#unwritten.clear();
    const needed = this.#unwitnessed || this.#unwritten.size > 0;
    if (this.#failure !== undefined || !needed || room < FRAME_HEADER_BYTES) return;
    try {
      await this.#commit();
    } catch (cause) {
      this.#fail(cause);
    }
  }

  get #unwrittenBytes(): number {
    let bytes = 0;
    for (const write of this.#unwritten.values()) bytes += groupWriteBytes(write);
    return bytes;
  }

  #check(write: GroupWrite): void {
    const { group, entries, snapshot } = write;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed !== undefined) throw new HoldfastError("CLOSED", "the log is closed");
    let last = snapshot?.index ?? this.#lastIndex(group);
    const first = entries?.[0]?.index ?? last + 1;
    if (first > last + 1) throw misplaced(group, first, last);
    last = first - 1;
    for (const { index } of entries ?? []) {
      if (index !== last + 1) throw misplaced(group, index, last);
      last = index;
    }
    const bytes = groupWriteBytes(write);
    assert(bytes <= MAX_PAYLOAD_BYTES / 2, `a write of (${bytes}) bytes is too large for a frame`);
    this.#lastIndexes.set(group, last);
  }

  #isLazy({ group, entries, hardState, snapshot }: GroupWrite): boolean {
    const before = this.#votes.get(group) ?? this.group(group).initialState().hardState;
    const { term, vote } = hardState ?? before;
    if (hardState !== undefined) this.#votes.set(group, hardState);
    const same = term === before.term && vote === before.vote;
    return same && snapshot === undefined && (entries === undefined || entries.length === 0);
  }

  #lastIndex(group: number): number {
    return this.#lastIndexes.get(group) ?? this.group(group).lastIndex();
  }

  /** What is compacted was committed, so it cannot be replaced; the core may still say it again. */
  #withoutCompacted(write: GroupWrite): GroupWrite {
    const { entries, snapshot } = write;
    const first = this.group(write.group).firstIndex();
    if (entries === undefined || snapshot !== undefined) return write;
    if ((entries[0]?.index ?? first) >= first) return write;
    return { ...write, entries: entries.filter(({ index }) => index >= first) };
  }

  #wake(): void {
    if (this.#running !== undefined) return;
    // Everything that this turn still hands over goes into the same frame.
    this.#running = Promise.resolve().then(() => this.#run());
  }

  async #run(): Promise<void> {
    try {
      for (;;) {
        this.#passLazy();
        if (this.#waiting.length === 0 && this.#compactions.size === 0) return;
        await this.#commit();
      }
    } catch (cause) {
      this.#fail(cause);
    } finally {
      this.#running = undefined;
    }
  }

  /** Lets through what waits for nobody. */
  #passLazy(): void {
    let count = 0;
    for (const { lazy, write } of this.#waiting) {
      if (!lazy) break;
      count += 1;
      if (write.hardState === undefined) continue;
      this.#unwritten.set(write.group, write);
      this.group(write.group).setHardState(write.hardState);
    }
    for (const { resolve } of this.#waiting.splice(0, count)) resolve();
  }

  async #commit(): Promise<void> {
    const compactions = [...this.#compactions.values()];
    const unwritten = [...this.#unwritten.values()];
    const fixed =
      FRAME_HEADER_BYTES + this.#unwrittenBytes + compactions.length * COMPACTION_RECORD_BYTES;
    const segment = await this.#segmentFor(alignFrame(fixed + (this.#waiting[0]?.bytes ?? 0)));
    // The removal of an old segment may have failed meanwhile.
    if (this.#failure !== undefined) return;
    const { file, begin, end } = segment;
    const count = this.#countWithin(segment.size - end, fixed);
    const writes = this.#waiting.slice(0, count).map(({ write }) => this.#withoutCompacted(write));
    const frame = this.#encoder.encode(
      { chain: this.#chain, segment: segment.number, offset: end, synced: begin + end },
      [...unwritten, ...writes],
      compactions,
    );
    await file.appendAndSync(end, frame.buffers);
    segment.end += frame.bytes;
    this.#chain = frame.crc;
    this.#unwitnessed = count + compactions.length > 0;
    this.#syncs += 1;
    for (const write of unwritten) {
      if (this.#unwritten.get(write.group) === write) this.#unwritten.delete(write.group);
    }
    this.#appends += count;
    this.#show(
      writes,
      compactions,
      frame.entryOffsets.map((offset) => begin + end + offset),
    );
    for (const { resolve } of this.#waiting.splice(0, count)) resolve();
    if (segment.end > segment.size / 2) {
      this.#segments.prepare(alignFrame(this.#options.segmentBytes));
    }
    const restarted = writes.some(({ snapshot }) => snapshot !== undefined);
    if (restarted || compactions.length > 0) this.#removeUnneeded();
  }

  /** How many of those that wait fit in a frame of `room` bytes beside the `fixed` ones. The first may have come too late to. */
  #countWithin(room: number, fixed: number): number {
    const limit = Math.min(room, MAX_PAYLOAD_BYTES);
    let bytes = fixed;
    let count = 0;
    for (const waiting of this.#waiting) {
      bytes += waiting.bytes;
      if (alignFrame(bytes) > limit) return count;
      count += 1;
    }
    return count;
  }

  /** The segment that takes a frame of `bytes`: the current one, or a new one when it is full. */
  async #segmentFor(bytes: number): Promise<Segment> {
    const { current } = this.#segments;
    if (current !== undefined && current.size - current.end >= bytes) return current;
    return this.#startSegment(bytes);
  }

  async #startSegment(bytes: number): Promise<Segment> {
    const { current } = this.#segments;
    const number = (current?.number ?? 0) + 1;
    const begin = current === undefined ? 0 : current.begin + current.end;
    const { identity, bootId } = this.#options;
    const groups = [...this.#groups.values()].map(({ state }) => state);
    const size = Math.max(alignFrame(this.#options.segmentBytes), segmentHeadBytes(groups) + bytes);
    const head = encodeSegmentHead({
      chain: this.#chain,
      number,
      begin,
      identity,
      bootId: bootIdBytes(bootId),
      size,
      groups,
    });
    const segment = await this.#segments.start({ number, begin, head }, size);
    this.#chain = segmentHeadCrc(head);
    return segment;
  }

  /** Makes visible what is durable now. */
  #show(
    writes: readonly GroupWrite[],
    compactions: readonly Compaction[],
    positions: readonly number[],
  ): void {
    let at = 0;
    for (const write of writes) {
      const count = write.entries?.length ?? 0;
      this.group(write.group).apply(write, positions.slice(at, at + count));
      at += count;
    }
    for (const compaction of compactions) {
      this.group(compaction.group).compact(compaction.index, compaction.term);
      if (this.#compactions.get(compaction.group) === compaction) {
        this.#compactions.delete(compaction.group);
      }
    }
  }

  get #syncedPosition(): number {
    const { current } = this.#segments;
    return current === undefined ? 0 : current.begin + current.end;
  }

  #removeUnneeded(): void {
    let position = Infinity;
    for (const group of this.#groups.values()) {
      position = Math.min(position, group.firstPosition ?? Infinity);
    }
    this.#removing = this.#removing
      .then(() => this.#segments.removeBelow(position))
      .catch((cause: unknown) => this.#fail(cause));
  }

  #fail(cause: unknown): void {
    if (this.#failure !== undefined) return;
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#failure = new HoldfastError(
      "STOPPED",
      `the write-ahead log failed and accepts nothing more (${reason}); mend the disk and restart the node`,
      { cause },
    );
    this.#compactions.clear();
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
    this.#options.onFailure(this.#failure);
  }
}

function misplaced(group: number, index: number, last: number): HoldfastError {
  return new HoldfastError(
    "STOPPED",
    `broken invariant: entry (${index}) of group (${group}) does not follow on (${last})`,
  );
}
