import { nodePlatform } from "@holdfast/platform";
import { describe, test } from "vitest";
import { transportSuite } from "../../src/conformance.ts";

describe("Node's network carries the transport", () => {
  transportSuite({
    test,
    world: () => ({
      member: () => ({ platform: nodePlatform(), listen: { host: "127.0.0.1", port: 0 } }),
      run: (work) => work,
      close: () => Promise.resolve(),
    }),
  });
});
