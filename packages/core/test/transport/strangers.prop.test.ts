import fc from "fast-check";
import { expect, test } from "vitest";
import type { Heartbeat } from "raft-ts-lite";
import { encodeFrame, FRAME_KIND } from "../../src/transport/frame.ts";
import { cut } from "./arbitraries.ts";
import { startNode } from "./cluster-fixture.ts";
import { FakeWorld } from "./fake-platform.ts";
import { helloFrame, messagesFrame } from "./raw-peer.ts";

const beat: Heartbeat = { type: "Heartbeat", from: 2, to: 1, term: 1, commit: 0, readToken: "" };

/** What somebody may write, and what a node makes of it. */
const steps = {
  hello: helloFrame(),
  foreign: helloFrame({ clusterId: new Uint8Array(16) }),
  welcome: helloFrame({}, FRAME_KIND.welcome),
  messages: messagesFrame([beat]),
  forged: messagesFrame([{ ...beat, from: 3 }]),
  chunk: Buffer.concat(encodeFrame(FRAME_KIND.snapshotChunk, 0, [Buffer.alloc(10)])),
  garbage: Buffer.from("not a frame at all, and quite long for one"),
} as const;
type Step = keyof typeof steps;

/** How many messages must arrive: those between a hello that comes first and the first thing that has no place. */
function expectedMessages(written: readonly Step[]): number {
  if (written[0] !== "hello") return 0;
  const end = written.findIndex((step, i) => i > 0 && step !== "messages");
  return (end === -1 ? written.length : end) - 1;
}

test("whatever a stranger writes, only what follows a good hello and breaks no rule is delivered", async () => {
  const kinds = fc.constantFrom<Step[]>(...(Object.keys(steps) as Step[]));
  // Most begin well, or there would be little to see.
  const written = fc
    .tuple(fc.oneof({ weight: 3, arbitrary: fc.constant<Step>("hello") }, kinds), fc.array(kinds))
    .map(([first, rest]) => [first, ...rest]);
  await fc.assert(
    fc.asyncProperty(written, fc.array(fc.nat(), { maxLength: 4 }), async (script, places) => {
      const world = new FakeWorld();
      const listen = { host: "n1", port: 1 };
      const node = await startNode(1, { platform: world, listen });
      const stranger = await world.network.connect(listen);
      let closed = 0;
      stranger.start({ data: () => undefined, drained: () => undefined, closed: () => closed++ });
      for (const step of script) {
        for (const piece of cut(steps[step], places)) {
          stranger.write([piece]);
          await world.settle();
        }
      }
      const count = expectedMessages(script);
      expect(node.messages).toEqual(Array.from({ length: count }, () => beat));
      const kept = script[0] === "hello" && count === script.length - 1;
      expect(closed).toBe(kept ? 0 : 1);
      const closing = node.transport.close();
      await world.settle();
      await closing;
      expect(world.clock.pending).toBe(0);
    }),
    { numRuns: 150 },
  );
});
