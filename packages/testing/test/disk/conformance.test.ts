import { diskSuite } from "@holdfast/platform/conformance";
import { describe, it } from "vitest";
import { SimulatedDisk } from "../../src/disk/simulated-disk.ts";
import { Pump } from "./pump.ts";

describe("SimulatedDisk as every disk", () => {
  const pump = new Pump(1);
  const { world } = pump;
  const process = pump.newProcess();
  diskSuite({
    test: (name, body) => {
      it(name, () => pump.run(body()));
    },
    create: async () => {
      const disk = new SimulatedDisk({ world, random: world.random("disk"), host: 1 });
      const mounted = disk.mount(process);
      await mounted.createDirectory("/data/node");
      return { disk: mounted, directory: "/data/node", cleanUp: () => Promise.resolve() };
    },
  });
});
