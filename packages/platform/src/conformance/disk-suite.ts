import type { Disk } from "../disk.ts";
import { appendTests } from "./disk-append-tests.ts";
import { DiskBench } from "./disk-bench.ts";
import { fileTests } from "./disk-file-tests.ts";
import { nameTests } from "./disk-name-tests.ts";

/** A disk under test, with an empty directory that is its own. */
export interface DiskFixture {
  readonly disk: Disk;
  readonly directory: string;
  /** Called after the disk was closed. */
  cleanUp(): Promise<void>;
}

/** What {@link diskSuite} must know of the disk and of the test runner. */
export interface DiskSuiteOptions {
  /** Registers a test: that of vitest, of `node:test`, or alike. */
  readonly test: (name: string, body: () => Promise<void>) => unknown;
  /** Makes a disk for one test. The suite closes it. */
  readonly create: () => Promise<DiskFixture>;
}

/** Registers the tests of what every {@link Disk} promises. Each needs nothing of the others. */
export function diskSuite({ test, create }: DiskSuiteOptions): void {
  for (const [name, run] of Object.entries({ ...fileTests, ...appendTests, ...nameTests })) {
    test(name, async () => {
      const fixture = await create();
      try {
        await run(new DiskBench(fixture.disk, fixture.directory));
      } finally {
        await fixture.disk.close();
        await fixture.cleanUp();
      }
    });
  }
}
