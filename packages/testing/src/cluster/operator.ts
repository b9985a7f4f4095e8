import { HoldfastError, type HoldfastNode } from "@holdfast/core";
import { inspect } from "@holdfast/core/inspection";
import type { Random } from "@holdfast/platform";
import type { ConfState } from "raft-ts-lite";
import { chance, pick } from "../faults/chance.ts";
import type { FaultAtlas } from "../faults/fault-atlas.ts";
import type { Coverage } from "../simulation/coverage.ts";
import type { TraceSink } from "../trace/trace.ts";
import type { OutsideWorld } from "../world/world.ts";
import { addressOf, type SimulatedCluster } from "./cluster.ts";
import { codeOf, ProcessDied, type SimulatedHost } from "./host.ts";

/** Between two attempts at the same thing. */
const RETRY_MS = 150;
/** How long a removed member may go on. */
const LINGER_MS = 2_000;

export interface OperatorOptions<Node extends HoldfastNode> {
  readonly world: OutsideWorld;
  readonly cluster: SimulatedCluster<Node>;
  readonly atlas: FaultAtlas;
  readonly random: Random;
  readonly coverage: Coverage;
  readonly trace: TraceSink | undefined;
  /** A failure that no fault explains. */
  readonly unexpected: (error: unknown) => void;
}

/** Who changes the members: replaces those whose disks are lost, adds and removes some, moves the leadership. One thing at a time. */
export class Operator<Node extends HoldfastNode> {
  readonly #options: OperatorOptions<Node>;
  #work: Promise<void> = Promise.resolve();
  #waiting = 0;
  readonly #replacing = new Set<number>();

  constructor(options: OperatorOptions<Node>) {
    this.#options = options;
  }

  /** Whether something is still to be done. */
  get busy(): boolean {
    return this.#waiting > 0;
  }

  /** The node's disk is not to be relied on: takes it out of the group, and brings a new one in. */
  replace(id: number): void {
    if (this.#replacing.has(id)) return;
    this.#replacing.add(id);
    this.#inOrder(async () => {
      // It was given up while it was brought in.
      if (this.#options.cluster.host(id) === undefined) return;
      const addFirst = chance(this.#options.random, 0.5);
      const { coverage } = this.#options;
      const wasVoter = this.#roleOf(id) !== "learner";
      if (addFirst) await this.#bringIn(wasVoter);
      await this.#takeOut(id);
      if (!addFirst) await this.#bringIn(wasVoter);
      this.#dismiss(id);
      coverage.hit("member replaced");
    });
  }

  /** A new member; sometimes it stays a learner. */
  add(): void {
    this.#inOrder(async () => {
      await this.#bringIn(chance(this.#options.random, 0.8));
      this.#options.coverage.hit("member added");
    });
  }

  /** Removes a member that is not impaired, perhaps the leader, if enough others remain. */
  removeOne(): void {
    this.#inOrder(async () => {
      const { random, atlas, coverage } = this.#options;
      const leader = await this.#untilLeader();
      const members = leader.node?.members.list() ?? [];
      const sound = members.filter(({ id }) => !atlas.isImpaired(id));
      if (sound.filter(({ role }) => role === "voter").length < 4) return;
      const { id } = pick(random, sound);
      await this.#takeOut(id);
      // Nobody tells it: for a while it may go on, as a stranger to the others.
      this.#options.world.after(chance(random, 0.5) ? LINGER_MS : 0, () => {
        this.#dismiss(id);
      });
      coverage.hit("member removed");
    });
  }

  /** Asks the leader once to hand over to another voter. */
  transfer(): void {
    const { random, cluster, coverage } = this.#options;
    const leader = cluster.leader();
    const voters = leader?.node?.members.list().filter(({ role }) => role === "voter") ?? [];
    if (leader === undefined || voters.length === 0) return;
    const { id } = pick(random, voters);
    leader
      .call((node) => node.members.transferLeadership(id))
      .then(
        () => {
          coverage.hit("leadership transferred");
        },
        (error: unknown) => {
          this.#expected(error);
          coverage.hit("transfer failed");
        },
      );
  }

  /** Switches a removed member's machine off for good. */
  #dismiss(id: number): void {
    const { atlas, cluster } = this.#options;
    cluster.removeHost(id);
    if (atlas.isImpaired(id)) atlas.replaced(id, cluster.configurations());
  }

  #inOrder(step: () => Promise<void>): void {
    this.#waiting += 1;
    this.#work = this.#work.then(step).then(
      () => {
        this.#waiting -= 1;
      },
      (error: unknown) => {
        this.#waiting -= 1;
        this.#options.unexpected(error);
      },
    );
  }

  async #takeOut(id: number): Promise<void> {
    const { atlas } = this.#options;
    const end = atlas.begin({ type: "remove", id });
    await this.#untilDone(`remove ${id}`, async (node) => {
      if (node.members.list().some((member) => member.id === id)) await node.members.remove(id);
      else requireNothingPending(node);
    });
    await this.#untilMostKnow(id);
    end();
  }

  /**
   * The removed member may be needed until most of those who remain have applied its removal: whoever has not still counts on its vote, and so could be unable to
   * elect a leader if it was switched off at once and another member was lost.
   */
  async #untilMostKnow(removed: number): Promise<void> {
    for (;;) {
      const leader = await this.#untilLeader();
      const { voters = [] } = leader.view()?.inspection.confState ?? {};
      const knowing = this.#options.cluster.views().filter(({ id, inspection }) => {
        const { confState } = inspection;
        return voters.includes(id) && !memberIds(confState).includes(removed);
      });
      if (knowing.length * 2 > voters.length) return;
      await this.#pause();
    }
  }

  /** Repeats itself with another host when the disk of the new one is lost before it has caught up. */
  async #bringIn(asVoter: boolean): Promise<void> {
    const { cluster } = this.#options;
    for (;;) {
      const { id } = cluster.addJoiner();
      cluster.host(id)?.start();
      if (await this.#admit(id, asVoter)) return;
      await this.#takeOut(id);
      this.#dismiss(id);
    }
  }

  async #admit(id: number, asVoter: boolean): Promise<boolean> {
    const { atlas } = this.#options;
    const isLost = (): boolean => atlas.isImpaired(id);
    await this.#untilDone(
      `add ${id}`,
      async (node) => {
        if (node.members.list().some((member) => member.id === id)) return;
        await node.members.add({ id, address: addressOf(id) });
      },
      isLost,
    );
    if (asVoter && !isLost()) {
      const end = atlas.begin({ type: "promote", id });
      await this.#untilDone(`promote ${id}`, (node) => node.members.promote(id), isLost);
      end();
    }
    return !isLost();
  }

  #roleOf(id: number): string | undefined {
    const members = this.#options.cluster.leader()?.node?.members.list() ?? [];
    return members.find((member) => member.id === id)?.role;
  }

  /** Repeats `change` on whoever leads until it succeeded, or is no use any more. Each must be safe to repeat. */
  async #untilDone(
    what: string,
    change: (node: Node) => Promise<void>,
    isUseless: () => boolean = () => false,
  ): Promise<void> {
    while (!isUseless()) {
      const leader = await this.#untilLeader();
      try {
        await leader.call(change);
        this.#trace(`${what}: done by ${leader.id}`);
        return;
      } catch (error) {
        this.#expected(error);
        this.#trace(`${what}: ${codeOf(error)}`);
      }
      await this.#pause();
    }
  }

  async #untilLeader(): Promise<SimulatedHost<Node>> {
    for (;;) {
      const leader = this.#options.cluster.leader();
      if (leader !== undefined) return leader;
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    return this.#options.world.pause(RETRY_MS);
  }

  #expected(error: unknown): void {
    if (error instanceof HoldfastError || error instanceof ProcessDied) return;
    this.#options.unexpected(error);
  }

  #trace(text: string): void {
    this.#options.trace?.({
      at: this.#options.world.now,
      kind: "client",
      text: `operator: ${text}`,
    });
  }
}

/** An addition that was given up may still be in the log and take effect. */
function requireNothingPending(node: HoldfastNode): void {
  const inspection = inspect(node);
  if (inspection === undefined || inspection.commit < inspection.lastIndex) {
    throw new HoldfastError("UNAVAILABLE", "the leader has entries that are not committed");
  }
}

function memberIds({ voters, votersOutgoing, learners }: ConfState): readonly number[] {
  return [...voters, ...votersOutgoing, ...learners];
}
