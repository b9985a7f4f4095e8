import { prng, type Random } from "@holdfast/platform";
import { type ChaosCluster, type ChaosMember, MEMBERS } from "./cluster.ts";
import type { PlannedFault } from "./plan.ts";
import { between, type Direction } from "./topology.ts";

/** A fault at work. */
export interface RunningFault {
  /** Whom it strikes, for people. */
  readonly victims: string;
  /** Takes it back; resolves with the trace that it left, for people. `undefined`: it left none, and was perhaps none. */
  end(): Promise<string | undefined>;
}

/** What faults that overlap know of each other. */
export class FaultRunner {
  readonly #cluster: ChaosCluster;
  /** Members that are being struck: another fault takes others. */
  readonly #struck = new Set<number>();

  constructor(cluster: ChaosCluster) {
    this.#cluster = cluster;
  }

  /** Begins a fault. `undefined`: there is nobody left whom it could strike. */
  async begin(planned: PlannedFault): Promise<RunningFault | undefined> {
    const random = prng(planned.seed);
    const leader = await this.#cluster.leader();
    switch (planned.kind) {
      case "kill":
        return this.#strike(this.#aim(planned, random, leader), killed);
      case "kill-all":
        return this.#strikeAll();
      case "pause":
        return this.#strike(this.#aim(planned, random, leader), paused);
      case "split":
        return await this.#split(planned, random, leader);
      case "one-way":
        return await this.#oneWay(this.#pick(planned, random, leader), random);
      case "isolate-leader":
        return await this.#isolate(leader ?? random.integer(1, MEMBERS.length + 1));
      case "slow":
        return await this.#slow(planned, random, leader);
      case "disk-full":
        return this.#strike(this.#onTmpfs(random), filled);
      case "fsync":
        return await this.#strike(this.#aim(planned, random, leader), unsynced);
      case "clock":
        return this.#strike(this.#aim(planned, random, leader), (member) => skewed(member, random));
    }
  }

  /** One member that nothing else strikes: the leader where it is aimed at, else another. */
  #aim(planned: PlannedFault, random: Random, leader: number | undefined): ChaosMember | undefined {
    const free = this.#cluster.members.filter(
      ({ id, supervisor }) => !this.#struck.has(id) && supervisor.isOpen,
    );
    const led = free.find(({ id }) => id === leader);
    if (planned.aim === "leader" && led !== undefined) return led;
    const others = free.filter((member) => member !== led);
    return others[others.length === 0 ? 0 : random.integer(0, others.length)];
  }

  #onTmpfs(random: Random): ChaosMember | undefined {
    const free = this.#cluster.members.filter(
      ({ id, directory }) => directory.canBeFilled && !this.#struck.has(id),
    );
    return free[free.length === 0 ? 0 : random.integer(0, free.length)];
  }

  /** Partitions strike links, not members: any member may be taken. */
  #pick({ aim }: PlannedFault, random: Random, leader: number | undefined): number {
    if (aim === "leader" && leader !== undefined) return leader;
    const others = MEMBERS.filter((id) => id !== leader);
    return others[random.integer(0, others.length)] ?? 1;
  }

  async #strike(
    member: ChaosMember | undefined,
    begin: (member: ChaosMember) => End | Promise<End>,
  ): Promise<RunningFault | undefined> {
    if (member === undefined) return undefined;
    this.#struck.add(member.id);
    member.supervisor.faultBegins();
    const end = await begin(member);
    return {
      victims: `member ${member.id}`,
      end: async () => {
        const trace = await end();
        this.#struck.delete(member.id);
        member.supervisor.faultEnds();
        return trace;
      },
    };
  }

  #strikeAll(): RunningFault {
    const { members } = this.#cluster;
    // Nobody may be restarted before all are dead: then the disks alone know what was acknowledged.
    for (const { supervisor } of members) {
      supervisor.faultBegins();
      supervisor.signal("SIGKILL");
    }
    return {
      victims: "all members",
      end: () => {
        for (const { supervisor } of members) supervisor.faultEnds();
        return Promise.resolve("all killed");
      },
    };
  }

  async #split(
    planned: PlannedFault,
    random: Random,
    leader: number | undefined,
  ): Promise<RunningFault> {
    const first = this.#pick(planned, random, leader);
    const others = MEMBERS.filter((id) => id !== first && id !== leader);
    const second = others[random.integer(0, others.length)] ?? first;
    const minority = [first, second];
    const majority = MEMBERS.filter((id) => !minority.includes(id));
    const victims = `${minority.join(", ")} | ${majority.join(", ")}`;
    return await this.#partition(victims, between([minority, majority]));
  }

  async #oneWay(member: number, random: Random): Promise<RunningFault> {
    const deaf = random.integer(0, 2) === 0;
    const others = MEMBERS.filter((id) => id !== member);
    const directions = others.map((id) =>
      deaf ? { from: id, to: member } : { from: member, to: id },
    );
    return await this.#partition(
      `member ${member} ${deaf ? "hears nothing" : "is not heard"}`,
      directions,
    );
  }

  async #isolate(member: number): Promise<RunningFault> {
    const others = MEMBERS.filter((id) => id !== member);
    return await this.#partition(`member ${member}`, between([[member], others]));
  }

  async #partition(victims: string, directions: readonly Direction[]): Promise<RunningFault> {
    await this.#cluster.topology.block(directions);
    return { victims, end: () => this.#cluster.topology.heal() };
  }

  async #slow(
    planned: PlannedFault,
    random: Random,
    leader: number | undefined,
  ): Promise<RunningFault> {
    const member = this.#pick(planned, random, leader);
    const slowness = {
      delayMs: random.integer(20, 150),
      bytesPerSecond: random.integer(64, 512) * 1024,
    };
    await this.#cluster.topology.slowDown([member], slowness);
    const rate = `${slowness.delayMs} ms, ${slowness.bytesPerSecond / 1024} KiB/s`;
    return { victims: `member ${member} (${rate})`, end: () => this.#cluster.topology.speedUp() };
  }
}

type End = () => Promise<string | undefined>;

function killed({ supervisor }: ChaosMember): End {
  const { pid } = supervisor;
  supervisor.signal("SIGKILL");
  return () => Promise.resolve(pid === undefined ? undefined : `process ${pid} killed`);
}

function paused({ supervisor }: ChaosMember): End {
  supervisor.signal("SIGSTOP");
  return async () => {
    const silent = (await supervisor.status(200)) === undefined;
    supervisor.signal("SIGCONT");
    return silent ? "did not answer" : undefined;
  };
}

/** What is done to a member bites when it next touches its disk; a member that is cut off may take its time. */
const BITE_MS = 10_000;

/** Resolves with why the member ended since it had ended `before` times; `undefined`: it did not, although it was waited for. */
async function newEnd({ supervisor }: ChaosMember, before: number): Promise<string | undefined> {
  const deadline = performance.now() + BITE_MS;
  while (supervisor.ends.length === before && performance.now() < deadline) {
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
  return supervisor.ends[before];
}

function filled(member: ChaosMember): End {
  const before = member.supervisor.ends.length;
  member.directory.fill();
  const again = setInterval(() => member.directory.fill(), 100);
  return async () => {
    const reason = await newEnd(member, before);
    clearInterval(again);
    member.directory.free();
    return reason === undefined ? undefined : `ended: ${reason}`;
  };
}

async function unsynced(member: ChaosMember): Promise<End> {
  const before = member.supervisor.ends.length;
  const { pid } = member.supervisor;
  if (pid !== undefined) await member.injection.failSyncs(pid);
  return async () => {
    const reason = await newEnd(member, before);
    if (reason !== undefined) return `ended: ${reason}`;
    if (pid !== undefined) await member.injection.letSync(pid);
    return undefined;
  };
}

const HOURS = 3_600;

function skewed(member: ChaosMember, random: Random): End {
  const jumps = [`+${HOURS}`, `-${HOURS}`, `-${24 * HOURS}`, "+0 x3", "+0 x0.2"];
  const specification = jumps[random.integer(0, jumps.length)] ?? "+0";
  member.injection.setClock(specification);
  return async () => {
    const seen = await member.supervisor.status(1_000);
    member.injection.setClock("+0");
    if (seen === undefined) return "the member is silent";
    const seconds = Math.round((seen.wallMs - Date.now()) / 1_000);
    return seconds === 0 ? undefined : `faketime ${specification}: ${seconds} s off at the end`;
  };
}
