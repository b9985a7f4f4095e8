import type { HoldfastNode } from "@holdfast/core";
import type { FaultAtlas } from "../faults/fault-atlas.ts";
import type { SimulatedNetwork } from "../network/simulated-network.ts";
import type { Coverage } from "../simulation/coverage.ts";
import { isExcused, isFinal } from "../simulation/failures.ts";
import type { World } from "../world/world.ts";
import type { SimulatedCluster } from "./cluster.ts";
import { codeOf, type SimulatedHost } from "./host.ts";
import type { Operator } from "./operator.ts";

export interface SupervisorOptions<Node extends HoldfastNode> {
  readonly world: World;
  readonly cluster: SimulatedCluster<Node>;
  readonly network: SimulatedNetwork;
  readonly operator: Operator<Node>;
  readonly atlas: FaultAtlas;
  readonly coverage: Coverage;
  /** A node stopped, or refused to open, for no reason that was given to it. */
  readonly unexcused: (host: SimulatedHost<Node>, failure: Error) => void;
}

/** Between a failure of a node and its next start. */
const RESTART_MS = 200;
/** How long a node whose disk is suspect is looked at. */
const QUARANTINE_MS = 400;

/** Starts nodes again, as long as that can help; calls the operator where it cannot. */
export class Supervisor<Node extends HoldfastNode> {
  readonly #options: SupervisorOptions<Node>;
  readonly #quarantined = new Set<SimulatedHost<Node>>();

  constructor(options: SupervisorOptions<Node>) {
    this.#options = options;
  }

  /** Whether what a node of this host does counts for nothing any more. */
  isQuarantined(host: SimulatedHost<Node>): boolean {
    return this.#quarantined.has(host);
  }

  /** The node failed: why, is in `host.failure`. */
  failed(host: SimulatedHost<Node>): void {
    const { atlas, coverage, operator, unexcused } = this.#options;
    const { failure } = host;
    if (failure === undefined || this.#quarantined.has(host)) return;
    coverage.hit(`node failed: ${codeOf(failure)}`);
    if (!isExcused(failure, atlas.isImpaired(host.id))) {
      unexcused(host, failure);
      return;
    }
    if (isFinal(failure)) {
      host.crash({ power: false });
      operator.replace(host.id);
      return;
    }
    host.crash({ power: false });
    this.startAfter(host, RESTART_MS);
  }

  /** Starts the node after a while, unless somebody else did, or it was replaced. */
  startAfter(host: SimulatedHost<Node>, delayMs: number): void {
    this.#options.world.after(delayMs, () => {
      if (!this.#isDown(host)) return;
      if (this.#isSuspect(host)) this.quarantine(host);
      else host.start();
    });
  }

  /** Its disk lost, on this same incarnation, what it promised to keep: it must not speak again. */
  #isSuspect(host: SimulatedHost<Node>): boolean {
    return this.#options.atlas.isImpaired(host.id) && host.incarnation === 1;
  }

  #isDown(host: SimulatedHost<Node>): boolean {
    return (
      host.state === "down" &&
      !this.#quarantined.has(host) &&
      this.#options.cluster.host(host.id) === host
    );
  }

  /**
   * Lets a node whose disk was harmed come up once with nobody to talk to. It may refuse, or not see the damage (in the last frame of a log it cannot
   * be told from a torn write); its word is not taken for anything. Then it is replaced.
   */
  quarantine(host: SimulatedHost<Node>): void {
    const { network, world, cluster, operator, coverage } = this.#options;
    if (this.#quarantined.has(host) || cluster.host(host.id) !== host) return;
    this.#quarantined.add(host);
    host.crash({ power: true });
    host.disk.faults.calm();
    network.quarantine(host.id);
    host.start();
    world.after(QUARANTINE_MS, () => {
      const { failure } = host;
      coverage.hit(
        failure === undefined ? "damage not seen at open" : `damage refused: ${codeOf(failure)}`,
      );
      host.crash({ power: true });
      operator.replace(host.id);
    });
  }
}
