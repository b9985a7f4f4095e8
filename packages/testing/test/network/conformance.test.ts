import { transportSuite } from "@holdfast/core/conformance";
import { networkSuite } from "@holdfast/platform/conformance";
import { describe, it } from "vitest";
import { Bench } from "./bench.ts";

describe("SimulatedNetwork as every network", () => {
  let bench = new Bench();
  networkSuite({
    test: (name, body) => {
      it(name, () => {
        // Only its beginning makes the network whose time is to pass.
        const running = body();
        return bench.until(running);
      });
    },
    create: () => {
      bench = new Bench();
      return { network: bench.host(1), host: "10.0.0.1" };
    },
  });
});

describe("the transport over SimulatedNetwork", () => {
  transportSuite({
    test: it,
    world: () => {
      const bench = new Bench();
      return {
        member: (id) => ({
          platform: bench.platform(id),
          listen: { host: `10.0.0.${id}`, port: 7_000 },
        }),
        run: (work) => bench.until(work),
        close: () => Promise.resolve(),
      };
    },
  });
});
