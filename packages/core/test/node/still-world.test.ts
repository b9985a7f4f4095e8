import type { Clock, Platform } from "@holdfast/platform";
import { afterEach, expect, test } from "vitest";
import { type HoldfastNode, openMachine } from "../../src/index.ts";
import type {
  AppliedState,
  CommandResult,
  CommittedEntry,
  StateMachine,
} from "../../src/machine/state-machine.ts";
import { MemoryDisk } from "../log/memory-disk.ts";
import { FakeWorld } from "../transport/fake-platform.ts";
import { FAST_RAFT, SMALL_LOG } from "./cluster-fixture.ts";

/** Keeps nothing but where it stands, and applies nothing while it is told to be busy. */
class BusyMachine implements StateMachine {
  readonly format = "busy/1";
  #applied: AppliedState = {
    index: 0,
    term: 0,
    logTime: 0,
    epoch: 0,
    confState: { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
    members: new Map(),
    stateHash: new Uint8Array(32),
  };
  busy = false;
  #finish: () => void = () => undefined;

  applied = (): AppliedState => this.#applied;
  checkpoint = (): Promise<number> => Promise.resolve(this.#applied.index);
  snapshot = (): Promise<never> => Promise.reject(new Error("not asked for here"));
  restore = (): Promise<void> => Promise.reject(new Error("not asked for here"));
  sizeBytes = (): Promise<number> => Promise.resolve(0);
  close = (): Promise<void> => Promise.resolve();

  async apply(entries: readonly CommittedEntry[]): Promise<readonly CommandResult[][]> {
    if (this.busy) await new Promise<void>((resolve) => (this.#finish = resolve));
    for (const { index, term, logTime, epoch, configuration } of entries) {
      this.#applied = { ...this.#applied, ...configuration, index, term, logTime, epoch };
    }
    return entries.map(({ commands }) => commands.map(() => ({ ok: true, value: "done" })));
  }

  finish(): void {
    this.busy = false;
    this.#finish();
  }
}

let world = new FakeWorld();
let nodes: HoldfastNode<BusyMachine>[] = [];

afterEach(async () => {
  for (const { machine } of nodes) machine.finish();
  const closing = Promise.all(nodes.map((node) => node.close()));
  // Connections close when the world moves.
  for (let i = 0; i < 20; i++) await world.pass(100);
  await closing;
  world = new FakeWorld();
  nodes = [];
});

/** Opens node `id` of the members 1 to `size` in the world that only moves when it is told to. */
async function open(
  id: number,
  size: number,
  platform: Partial<Platform> = {},
): Promise<HoldfastNode<BusyMachine>> {
  const members = Array.from({ length: size }, (_, i) => ({
    id: i + 1,
    address: `127.0.0.1:${7001 + i}`,
  }));
  const { clock, network, random, scheduler } = world;
  const node = await openMachine({
    directory: `node-${id}`,
    id,
    cluster: { name: "still", members },
    raft: FAST_RAFT,
    log: SMALL_LOG,
    platform: { clock, network, random, scheduler, disk: new MemoryDisk(), ...platform },
    machine: () => Promise.resolve(new BusyMachine()),
  });
  nodes.push(node);
  return node;
}

test("who has slept for long does not take that for the silence of a leader (trap 31)", async () => {
  let slept = 0;
  const { clock } = world;
  const sleepy: Clock = {
    now: () => clock.now() + slept,
    wallTime: () => clock.wallTime() + slept,
    setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
  };
  const node = await open(1, 3, { clock: sleepy });
  await world.pass(FAST_RAFT.electionMinMs / 2, 1);
  expect(await node.status()).toMatchObject({ role: "follower", term: 1 });
  // The event loop stands still for many election timeouts; then everything goes on.
  slept = 20 * FAST_RAFT.electionMaxMs;
  await world.pass(10, 1);
  expect(await node.status()).toMatchObject({ role: "follower", term: 1 });
  // A leader that is really gone is still missed.
  await world.pass(FAST_RAFT.electionMaxMs, 1);
  expect(await node.status()).toMatchObject({ role: "preCandidate" });
});

test("a leader whose state machine is busy still leads: nothing that it must say waits for that (trap 30)", async () => {
  const leader = await open(1, 3);
  const follower = await open(2, 3);
  await open(3, 3);
  await world.pass(2 * FAST_RAFT.electionMaxMs, 1);
  const { leader: id, term } = await follower.status();
  expect(id).toBe(1);
  leader.machine.busy = true;
  const command = { kind: 0x40, body: new Uint8Array(1) };
  const slow = leader.propose(command);
  await world.pass(10 * FAST_RAFT.electionMaxMs, 10);
  expect(await follower.status()).toMatchObject({ leader: 1, term });
  // Others are served meanwhile.
  const served = follower.propose(command);
  await world.pass(FAST_RAFT.electionMaxMs, 10);
  expect(await served).toBe("done");
  leader.machine.finish();
  await world.pass(FAST_RAFT.electionMaxMs, 10);
  expect(await slow).toBe("done");
});
