import type { Network } from "../network.ts";
import { NetworkBench } from "./network-bench.ts";
import { byteTests } from "./network-byte-tests.ts";
import { closeTests } from "./network-close-tests.ts";

/** A network under test, and a host on which it may listen with port 0. */
export interface NetworkFixture {
  readonly network: Network;
  readonly host: string;
}

/** What {@link networkSuite} must know of the network and of the test runner. */
export interface NetworkSuiteOptions {
  /** Registers a test: that of vitest, of `node:test`, or alike. */
  readonly test: (name: string, body: () => Promise<void>) => unknown;
  /** Makes a network for one test. The suite closes the connections and listeners that it opened. */
  readonly create: () => NetworkFixture;
  /** More bytes than all buffers between the two ends take. @defaultValue 64 MiB */
  readonly manyBytes?: number;
}

/** Registers the tests of what every {@link Network} promises. Each needs nothing of the others. */
export function networkSuite({ test, create, manyBytes }: NetworkSuiteOptions): void {
  const many = manyBytes ?? 64 << 20;
  for (const [name, run] of Object.entries({ ...byteTests(many), ...closeTests(many) })) {
    test(name, async () => {
      const { network, host } = create();
      const bench = new NetworkBench(network, host);
      try {
        await run(bench);
      } finally {
        await bench.close();
      }
    });
  }
}
