import type { HoldfastNode } from "@holdfast/core";
import { chance, pick } from "../faults/chance.ts";
import { ProcessDied, type SimulatedHost } from "../cluster/host.ts";
import type { OutsideWorld } from "../world/world.ts";
import type { WorkloadClient, WorkloadRun } from "./workload.ts";

export interface ClientsOptions<Node extends HoldfastNode> {
  readonly world: OutsideWorld;
  readonly hosts: () => readonly SimulatedHost<Node>[];
  readonly count: number;
  readonly run: WorkloadRun<Node>;
  readonly unexpected: (error: unknown) => void;
}

/** How long a client waits before it looks for another node. */
const RETRY_MS = 25;
/** Now and then a client changes its node without need. */
const WANDER = 0.05;

/** Clients, each with one operation at a time. */
export class Clients<Node extends HoldfastNode> {
  readonly #options: ClientsOptions<Node>;
  #stopped = false;
  #running = 0;

  constructor(options: ClientsOptions<Node>) {
    this.#options = options;
  }

  /** Whether an operation has not ended. */
  get busy(): boolean {
    return this.#running > 0;
  }

  start(): void {
    for (let id = 1; id <= this.#options.count; id++) {
      this.#running += 1;
      this.#work(id).then(
        () => {
          this.#running -= 1;
        },
        (error: unknown) => {
          this.#running -= 1;
          this.#options.unexpected(error);
        },
      );
    }
  }

  /** No operation begins any more. */
  stop(): void {
    this.#stopped = true;
  }

  async #work(id: number): Promise<void> {
    const { world, run } = this.#options;
    const random = world.random(`client ${id}`);
    const client = this.#client(id);
    while (!this.#stopped) {
      await world.pause(random.integer(0, 30));
      await run.step(client);
    }
  }

  #client(id: number): WorkloadClient<Node> {
    const { world, hosts } = this.#options;
    const random = world.random(`workload of client ${id}`);
    const wandering = world.random(`node of client ${id}`);
    let host: SimulatedHost<Node> | undefined;
    return {
      id,
      random,
      now: () => world.now,
      pause: (ms) => world.pause(ms),
      call: async (use) => {
        if (host?.node === undefined || chance(wandering, WANDER)) {
          const open = hosts().filter(({ node }) => node !== undefined);
          host = open.length === 0 ? undefined : pick(wandering, open);
        }
        if (host === undefined) {
          await world.pause(RETRY_MS);
          throw new NoNode("no node is open");
        }
        const asked = host;
        try {
          return await asked.call(use);
        } catch (error) {
          // It may be better elsewhere.
          if (!(error instanceof ProcessDied)) await world.pause(RETRY_MS);
          if (host === asked) host = undefined;
          throw error;
        }
      },
    };
  }
}

/** Nothing was asked of anybody. */
export class NoNode extends Error {
  override readonly name = "NoNode";
}
