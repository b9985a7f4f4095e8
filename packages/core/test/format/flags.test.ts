import { expect, test } from "vitest";
import { crc32c } from "../../src/format/bytes.ts";
import { openBatches, sealBatch, sealedBatchBytes } from "../../src/format/sealed-batch.ts";
import { openEntry, sealEntry } from "../../src/format/sealed-entry.ts";

// docs/formats.md: later software announces by a flag that what follows has another form.

const UNSUPPORTED = expect.objectContaining({ code: "UNSUPPORTED" }) as Error;

/** One batch with one command, changed at one place, under a right checksum. */
function batchWith(at: number, value: number): Buffer {
  const commands = [{ kind: 0x41, body: Buffer.from("key") }];
  const batch = Buffer.alloc(sealedBatchBytes(commands));
  sealBatch(batch, 0, { node: 1, incarnation: 2, sequence: 3 }, commands);
  batch[at] = value;
  batch.writeUInt32LE(crc32c(batch.subarray(8)), 4);
  return batch;
}

test("a batch or a command with a flag is refused, not misread", () => {
  expect(openBatches(batchWith(9, 0), true)).toHaveLength(1);
  expect(() => openBatches(batchWith(9, 1), true)).toThrow(UNSUPPORTED);
  expect(() => openBatches(batchWith(57, 1), true)).toThrow(UNSUPPORTED);
});

test("an entry with a flag is refused, not misread", () => {
  const data = batchWith(9, 0);
  const entry = { type: "Normal" as const, term: 2, index: 3, data };
  const sealed = Buffer.from(sealEntry(entry, { logTime: 1, epoch: 0, batches: 1 }));
  expect(openEntry(Buffer.from(sealed))).toMatchObject({ term: 2, index: 3 });
  sealed.writeUInt16LE(1, 10);
  sealed.writeUInt32LE(crc32c(sealed.subarray(8)), 4);
  expect(() => openEntry(sealed)).toThrow(UNSUPPORTED);
});
