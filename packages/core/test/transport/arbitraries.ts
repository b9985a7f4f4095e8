import fc from "fast-check";
import type { ConfState, Entry, EntryType, Message } from "raft-ts-lite";
import { openEntry, sealEntry } from "../../src/format/sealed-entry.ts";
import type { WireMessage } from "../../src/transport/message-frame.ts";

/** Counts that MessagePack writes in every form it has, up to the largest that we use. */
const counts: fc.Arbitrary<number> = fc.oneof(
  fc.nat(300),
  fc.maxSafeNat(),
  fc.constantFrom(0, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
);
const tokens: fc.Arbitrary<string> = fc.string({ unit: "grapheme", maxLength: 20 });
const payloads: fc.Arbitrary<Buffer> = fc
  .uint8Array({ maxLength: 200 })
  .map((bytes) => Buffer.from(bytes));
const types: fc.Arbitrary<EntryType> = fc.constantFrom("Normal", "ConfChange", "ConfChangeV2");
const ids: fc.Arbitrary<number[]> = fc.array(fc.integer({ min: 1, max: 1_000 }), { maxLength: 5 });

const confStates: fc.Arbitrary<ConfState> = fc.record({
  voters: ids,
  learners: ids,
  votersOutgoing: ids,
  learnersNext: ids,
  autoLeave: fc.boolean(),
});

/** An entry as a leader sends it: sealed. */
export function sealedTestEntry(
  term: number,
  index: number,
  data: Uint8Array,
  type: EntryType = "Normal",
): Entry {
  return openEntry(sealEntry({ type, term, index, data }, { logTime: 1, epoch: 0, batches: 0 }));
}

interface Envelope {
  readonly from: number;
  readonly to: number;
}

function appendEntries({ from, to }: Envelope): fc.Arbitrary<Message> {
  const steps = fc.array(fc.tuple(fc.nat(3), payloads, types), { maxLength: 6 });
  const place = fc.tuple(fc.maxSafeNat(), fc.maxSafeNat(), counts, steps);
  return place.map(([index, logTerm, commit, entries]) => {
    const at = Math.min(index, Number.MAX_SAFE_INTEGER - 100);
    const first = Math.min(logTerm, Number.MAX_SAFE_INTEGER - 100);
    let term = first;
    const sealed = entries.map(([step, data, type], i) => {
      term += step;
      return sealedTestEntry(term, at + 1 + i, data, type);
    });
    return {
      type: "AppendEntries",
      from,
      to,
      term,
      index: at,
      logTerm: first,
      commit,
      entries: sealed,
    };
  });
}

/** Every kind of message that crosses the network, from one node to another. */
export function wireMessages(envelope: Envelope): fc.Arbitrary<WireMessage> {
  const head = { from: fc.constant(envelope.from), to: fc.constant(envelope.to), term: counts };
  const proposed = fc.record({
    type: types,
    term: fc.constant(0),
    index: fc.constant(0),
    data: payloads,
  });
  const metadata = fc.record({ index: counts, term: counts, confState: confStates });
  const message = fc.oneof(
    appendEntries(envelope),
    fc.record({
      type: fc.constant("AppendEntriesResponse" as const),
      ...head,
      index: counts,
      logTerm: counts,
      reject: fc.boolean(),
      rejectHint: counts,
    }),
    fc.record({
      type: fc.constantFrom("RequestVote" as const, "PreVote" as const),
      ...head,
      index: counts,
      logTerm: counts,
      transfer: fc.boolean(),
      priority: fc.integer(),
    }),
    fc.record({
      type: fc.constantFrom("RequestVoteResponse" as const, "PreVoteResponse" as const),
      ...head,
      reject: fc.boolean(),
    }),
    fc.record({
      type: fc.constant("InstallSnapshot" as const),
      ...head,
      snapshot: fc.record({ metadata, data: payloads }),
    }),
    fc.record({
      type: fc.constant("Heartbeat" as const),
      ...head,
      commit: counts,
      readToken: tokens,
    }),
    fc.record({ type: fc.constant("HeartbeatResponse" as const), ...head, readToken: tokens }),
    fc.record({ type: fc.constantFrom("TimeoutNow" as const, "TransferLeader" as const), ...head }),
    fc.record({
      type: fc.constant("Propose" as const),
      ...head,
      entries: fc.array(proposed, { maxLength: 6 }),
    }),
    fc.record({ type: fc.constant("ReadIndex" as const), ...head, readToken: tokens }),
    fc.record({
      type: fc.constant("ReadIndexResponse" as const),
      ...head,
      index: counts,
      readToken: tokens,
    }),
  );
  return message as fc.Arbitrary<WireMessage>;
}

/** Cuts bytes into pieces at the given places, in any order and number. */
export function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort(
    (a, b) => a - b,
  );
  const pieces: Buffer[] = [];
  let at = 0;
  for (const end of [...ends, bytes.length]) {
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  return pieces;
}
