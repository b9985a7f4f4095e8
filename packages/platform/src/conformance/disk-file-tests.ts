import { deepEqual, equal } from "node:assert/strict";
import { prng } from "../prng.ts";
import type { Random } from "../random.ts";
import { type DiskBench, type DiskTests, fails, joined, text, WRITES } from "./disk-bench.ts";

type WriteMethod = (typeof WRITES)[number];

/** Opening, reading, writing and closing of files. */
export const fileTests: DiskTests = {
  "open: finds what is there, makes what is asked for, and says why not": async (bench) => {
    const { disk, directory } = bench;
    const [a, b, below] = [bench.at("a"), bench.at("b"), bench.at("no/b")];
    await fails(disk.open(a), "NOT_FOUND", a);
    await (await disk.open(a, { create: true })).close();
    await (await disk.open(a, { create: true })).close();
    await (await disk.open(a)).close();
    await fails(disk.open(a, { create: true, exclusive: true }), "ALREADY_EXISTS", a);
    await (await disk.open(b, { exclusive: true })).close();
    await fails(disk.open(below, { create: true }), "NOT_FOUND", below);
    await fails(disk.open(directory), "IO", directory);
  },

  "open: does not truncate": async (bench) => {
    await bench.withFile(bench.at("a"), (file) => file.write(0, [text("kept")]));
    await bench.withFile(bench.at("a"), async (file) => {
      equal(await file.size(), 4);
    });
  },

  "read: gives fewer bytes at the end, and none beyond": async (bench) => {
    await bench.withFile(bench.at("a"), async (file) => {
      await file.write(0, [text("0123456789")]);
      deepEqual(await file.read(2, 3), text("234"));
      deepEqual(await file.read(8, 100), text("89"));
      deepEqual(await file.read(10, 5), new Uint8Array());
      deepEqual(await file.read(1_000, 5), new Uint8Array());
      deepEqual(await file.read(0, 0), new Uint8Array());
    });
  },

  "read: gives every reader a buffer of its own": async (bench) => {
    await bench.withFile(bench.at("a"), async (file) => {
      await file.write(0, [text("same")]);
      const [one, two] = await Promise.all([file.read(0, 4), file.read(0, 4)]);
      one.fill(0);
      deepEqual(two, text("same"));
      deepEqual(await file.read(0, 4), text("same"));
    });
  },

  "truncate: cuts and fills with zeros, as a gap does": async (bench) => {
    await bench.withFile(bench.at("a"), async (file) => {
      await file.write(4, [text("end")]);
      deepEqual(await file.read(0, 10), Uint8Array.from([0, 0, 0, 0, ...text("end")]));
      await file.truncate(5);
      deepEqual(await file.read(0, 10), Uint8Array.from([0, 0, 0, 0, ...text("e")]));
      await file.truncate(8);
      equal(await file.size(), 8);
      deepEqual(await file.read(5, 10), new Uint8Array(3));
      await file.sync();
    });
  },

  ...writeTests("write"),
  ...writeTests("appendAndSync"),

  "close: refuses every operation afterwards": async (bench) => {
    const path = bench.at("a");
    const file = await bench.disk.open(path, { create: true });
    await file.close();
    const calls = [
      () => file.read(0, 1),
      () => file.write(0, [text("x")]),
      () => file.appendAndSync(0, [text("x")]),
      () => file.sync(),
      () => file.truncate(0),
      () => file.size(),
    ];
    for (const call of calls) await fails(call(), "IO", path);
    await file.close();
  },

  "close: waits for what is under way": async (bench) => {
    const file = await bench.disk.open(bench.at("a"), { create: true });
    const writes = Array.from({ length: 20 }, (_, call) => file.write(call, [text("y")]));
    await file.close();
    await Promise.all(writes);
    deepEqual(await bench.disk.readFile(bench.at("a")), text("y".repeat(20)));
  },
};

function writeTests(method: WriteMethod): DiskTests {
  return {
    [`${method}: leaves what a naive file would`]: (bench) => asNaive(bench, method),

    // IOV_MAX is 1,024 on Linux: more buffers than that need several calls.
    [`${method}: takes 3,000 buffers and 5 MiB`]: async (bench) => {
      const many = Array.from({ length: 3_000 }, (_, index) => text(`${index},`));
      const large = [1, 2, 3].map((value) => new Uint8Array(1_747_627).fill(value));
      await bench.withFile(bench.at("a"), async (file) => {
        await file[method](1, many);
        deepEqual(await file.read(1, 100_000), joined(many));
        await file[method](0, large);
        equal(Buffer.compare(await file.read(0, 6 << 20), joined(large)), 0);
      });
    },

    // Callers hand over slices of bigger buffers; the rest of those is none of the file's business.
    [`${method}: takes views, and leaves them as they are`]: async (bench) => {
      const whole = text("-middle-");
      await bench.withFile(bench.at("a"), async (file) => {
        await file[method](0, [whole.subarray(1, 4), whole.subarray(4, 7)]);
        deepEqual(await file.read(0, 100), text("middle"));
        deepEqual(whole, text("-middle-"));
        // Once it is written, the caller may do with its buffer what it likes.
        whole.fill(0);
        deepEqual(await file.read(0, 100), text("middle"));
      });
    },
  };
}

async function asNaive(bench: DiskBench, method: WriteMethod): Promise<void> {
  for (let seed = 0; seed < 60; seed += 1) {
    const random = prng(seed);
    await bench.withFile(bench.at(`file-${seed}`), async (file) => {
      const model = new Uint8Array(1_000);
      let size = 0;
      for (let left = random.integer(0, 8); left > 0; left -= 1) {
        const position = random.integer(0, 300);
        const buffers = someBuffers(random);
        await file[method](position, buffers);
        const bytes = joined(buffers);
        model.set(bytes, position);
        if (bytes.length > 0) size = Math.max(size, position + bytes.length);
      }
      equal(await file.size(), size, `size after the writes of seed (${seed})`);
      deepEqual(await file.read(0, 1_000), model.slice(0, size), `content of seed (${seed})`);
    });
  }
}

function someBuffers(random: Random): Uint8Array[] {
  return Array.from({ length: random.integer(0, 7) }, () => random.bytes(random.integer(0, 41)));
}
