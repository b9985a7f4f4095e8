import type { HoldfastNode } from "@holdfast/core";
import { prng, type Random } from "@holdfast/platform";
import type { SimulatedCluster } from "../cluster/cluster.ts";
import type { SimulatedHost } from "../cluster/host.ts";
import type { Operator } from "../cluster/operator.ts";
import type { Supervisor } from "../cluster/supervisor.ts";
import type { SimulatedNetwork } from "../network/simulated-network.ts";
import type { Coverage } from "../simulation/coverage.ts";
import type { PlannedFault, SimulationPlan } from "../simulation/plan.ts";
import type { TraceSink } from "../trace/trace.ts";
import type { World } from "../world/world.ts";
import { between, chance, pick } from "./chance.ts";
import type { FaultAtlas } from "./fault-atlas.ts";

export interface NemesisOptions<Node extends HoldfastNode> {
  readonly world: World;
  readonly plan: SimulationPlan;
  readonly cluster: SimulatedCluster<Node>;
  readonly network: SimulatedNetwork;
  readonly operator: Operator<Node>;
  readonly supervisor: Supervisor<Node>;
  readonly atlas: FaultAtlas;
  readonly coverage: Coverage;
  readonly trace: TraceSink | undefined;
}

/** How much a disk that is to run full has left. */
const SPARE_BYTES = 16_384;
/** How long a crash waits for the disk to have something to do, and how often it looks. */
const PATIENCE_MS = 60;
const LOOK_MS = 0.2;

/** Carries out what the plan says, and undoes all of it in the end. */
export class Nemesis<Node extends HoldfastNode> {
  readonly #options: NemesisOptions<Node>;
  #over = false;

  constructor(options: NemesisOptions<Node>) {
    this.#options = options;
  }

  /** From now on faults come, in true time. */
  start(): void {
    const { plan, world } = this.#options;
    this.#setNetworkFaults();
    for (const host of this.#options.cluster.hosts) this.prepare(host);
    for (const fault of plan.planned) {
      world.after(fault.at - world.now, () => {
        if (!this.#over) this.#carryOut(fault);
      });
    }
  }

  /** Gives the disk of a host the faults that come by chance. */
  prepare({ disk }: SimulatedHost<Node>): void {
    if (this.#over) return;
    const { disks } = this.#options.plan;
    disk.faults.syncError = disks["sync-error"];
    disk.faults.stall = disks["disk-stall"];
    disk.faults.readError = disks["read-error"];
  }

  /** All faults stop. What is broken stays broken; nothing else breaks. */
  stop(): void {
    this.#over = true;
    const { network, cluster } = this.#options;
    network.heal();
    network.faults.calm();
    for (const host of cluster.hosts) {
      host.disk.faults.calm();
      host.clock.setRate(1);
      host.resume();
    }
    this.#tell(undefined, "all faults stop");
  }

  #setNetworkFaults(): void {
    const { plan, network } = this.#options;
    network.faults.everyLink({
      delayMinMs: plan.delayMs.min,
      delayMeanMs: plan.delayMs.mean,
      lossProbability: plan.network["message-loss"],
      duplicateProbability: plan.network["message-duplication"],
      reorderProbability: plan.network["message-reordering"],
      slowProbability: plan.network["message-delay"],
      resetProbability: plan.network["connection-reset"],
    });
  }

  #carryOut(fault: PlannedFault): void {
    const random = prng(fault.draw);
    const host = this.#anyHost(random);
    switch (fault.kind) {
      case "partition":
        this.#partition(fault, random);
        return;
      case "one-way-partition":
        this.#cutOneWay(fault, random);
        return;
      case "isolated-leader":
        this.#isolateLeader(fault, random);
        return;
      case "crash":
      case "power-loss":
        this.#whenBusy(host, random, () => {
          this.#crash(host, fault, fault.kind === "power-loss");
        });
        return;
      case "power-loss-of-all":
        this.#whenBusy(host, random, () => {
          for (const one of this.#options.cluster.hosts) this.#crash(one, fault, true);
        });
        return;
      case "pause":
        this.#pause(host, fault, "SIGSTOP");
        return;
      case "event-loop-stall":
        this.#pause(this.#options.cluster.leader() ?? host, fault, "event loop stalled");
        return;
      case "clock-jump":
        this.#jump(host, fault, random);
        return;
      case "clock-drift":
        this.#drift(host, fault, random);
        return;
      case "disk-full":
        this.#fill(host, fault);
        return;
      case "misdirected-write":
      case "corruption":
      case "wiped-disk":
        this.#harmDisk(host, fault, random);
        return;
      case "add-member":
        this.#options.operator.add();
        return;
      case "remove-member":
        this.#options.operator.removeOne();
        return;
      case "transfer":
        this.#options.operator.transfer();
        return;
    }
  }

  /** More often than not a crash comes while the disk has something to do, if that is soon. */
  #whenBusy({ disk }: SimulatedHost<Node>, random: Random, then: () => void): void {
    const { world } = this.#options;
    const until = world.now + (chance(random, 0.7) ? PATIENCE_MS : 0);
    const look = (): void => {
      if (this.#over) return;
      if (disk.isBusy || world.now >= until) then();
      else world.after(LOOK_MS, look);
    };
    look();
  }

  #anyHost(random: Random): SimulatedHost<Node> {
    return pick(random, this.#options.cluster.hosts);
  }

  #partition({ durationMs }: PlannedFault, random: Random): void {
    const { network, cluster, coverage } = this.#options;
    const groups: [number[], number[]] = [[], []];
    for (const { id } of cluster.hosts) groups[chance(random, 0.5) ? 0 : 1].push(id);
    network.partition(groups);
    coverage.hit("fault: partition");
    this.#tell(undefined, `partition ${groups[0].join(",")} | ${groups[1].join(",")}`);
    this.#healAfter(durationMs);
  }

  #cutOneWay({ durationMs }: PlannedFault, random: Random): void {
    const { network, coverage, cluster } = this.#options;
    const from = this.#anyHost(random);
    const to = pick(random, cluster.hosts);
    if (from === to) return;
    network.blockOneWay(from.id, to.id);
    coverage.hit("fault: one-way-partition");
    this.#tell(undefined, `nothing gets from ${from.id} to ${to.id}`);
    this.#healAfter(durationMs);
  }

  #isolateLeader({ durationMs }: PlannedFault, random: Random): void {
    const { network, cluster, coverage } = this.#options;
    const leader = cluster.leader();
    if (leader === undefined) return;
    if (chance(random, 0.5)) network.isolate(leader.id);
    else {
      // It goes on sending heartbeats and hears nobody.
      for (const { id } of cluster.hosts) if (id !== leader.id) network.blockOneWay(id, leader.id);
    }
    coverage.hit("fault: isolated-leader");
    this.#tell(leader, "leader cut off");
    this.#healAfter(durationMs);
  }

  #healAfter(durationMs: number): void {
    const { world, network } = this.#options;
    world.after(durationMs, () => {
      network.heal();
      this.#tell(undefined, "network healed");
    });
  }

  #crash(host: SimulatedHost<Node>, { durationMs }: PlannedFault, power: boolean): void {
    const { coverage } = this.#options;
    if (host.state === "down") return;
    coverage.hit(power ? "fault: power-loss" : "fault: crash");
    if (host.state === "opening") coverage.hit("crash while opening");
    host.crash({ power });
    this.#options.supervisor.startAfter(host, durationMs);
  }

  #pause(host: SimulatedHost<Node>, { durationMs, kind }: PlannedFault, how: string): void {
    if (host.state === "down") return;
    this.#options.coverage.hit(`fault: ${kind}`);
    this.#tell(host, how);
    host.pause(durationMs);
  }

  #jump(host: SimulatedHost<Node>, _fault: PlannedFault, random: Random): void {
    const byMs = between(random, -3_600_000, 3_600_000);
    host.clock.jump(byMs);
    this.#options.coverage.hit("fault: clock-jump");
    this.#tell(host, `time of day jumps by ${byMs.toFixed(0)} ms`);
  }

  #drift(host: SimulatedHost<Node>, { durationMs }: PlannedFault, random: Random): void {
    const rate = between(random, 0.5, 2);
    host.clock.setRate(rate);
    this.#options.coverage.hit("fault: clock-drift");
    this.#tell(host, `clock runs at ${rate.toFixed(2)}`);
    this.#options.world.after(durationMs, () => {
      host.clock.setRate(1);
    });
  }

  #fill({ disk, id }: SimulatedHost<Node>, { durationMs }: PlannedFault): void {
    disk.faults.capacityBytes = disk.usedBytes + SPARE_BYTES;
    this.#options.coverage.hit("fault: disk-full");
    this.#tell(this.#options.cluster.host(id), "disk is almost full");
    this.#options.world.after(durationMs, () => {
      disk.faults.capacityBytes = Infinity;
    });
  }

  /**
   * Takes something away that the node has promised to keep, if the others can do without it. The node goes on for a while, then loses its power,
   * comes up once without anybody to talk to, and is replaced.
   */
  #harmDisk(host: SimulatedHost<Node>, fault: PlannedFault, random: Random): void {
    const { atlas, coverage } = this.#options;
    const allowed = (): boolean =>
      fault.kind === "wiped-disk" ? atlas.empty(host.id) : atlas.impair(host.id);
    if (this.#options.cluster.hosts.length < 3 || !allowed()) {
      coverage.hit("fault held back by the atlas");
      return;
    }
    coverage.hit(`fault: ${fault.kind}`);
    if (fault.kind === "wiped-disk") {
      host.crash({ power: true });
      host.wipe();
      this.#options.supervisor.startAfter(host, fault.durationMs / 4);
      return;
    }
    if (fault.kind === "corruption") {
      const what = host.disk.corrupt(random);
      this.#tell(host, what === undefined ? "nothing to corrupt" : `corruption: ${what}`);
    } else {
      host.disk.faults.misdirectedWrite = 0.3;
      this.#tell(host, "writes go astray");
    }
    this.#options.world.after(fault.durationMs / 2, () => {
      this.#options.supervisor.quarantine(host);
    });
  }

  #tell(host: SimulatedHost<Node> | undefined, text: string): void {
    const { trace, world } = this.#options;
    trace?.({
      at: world.now,
      kind: "fault",
      text,
      ...(host === undefined ? {} : { node: host.id }),
    });
  }
}
