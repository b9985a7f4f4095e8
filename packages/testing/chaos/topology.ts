/** From one member to another. */
export interface Direction {
  readonly from: number;
  readonly to: number;
}

/** What a slow link does to every byte on it. */
export interface Slowness {
  readonly delayMs: number;
  readonly bytesPerSecond: number;
}

/** Where the members are, and what can be done to the network between them. */
export interface Topology {
  /** `host:port` at which the others reach a member. */
  address(member: number): string;
  /** `host:port` on which a member listens. */
  listen(member: number): string;
  /** The command that runs a program where the member is. */
  place(member: number, command: readonly string[]): readonly string[];
  /** What is sent in these directions is lost, until {@link Topology.heal}. */
  block(directions: readonly Direction[]): Promise<void>;
  /** Takes back {@link Topology.block}; resolves with what was lost of it, for people. Nothing lost: `undefined`. */
  heal(): Promise<string | undefined>;
  /** Every link of these members becomes slow, until {@link Topology.speedUp}. */
  slowDown(members: readonly number[], slowness: Slowness): Promise<void>;
  /** Takes back {@link Topology.slowDown}; resolves with how much went over slow links, for people. Nothing: `undefined`. */
  speedUp(): Promise<string | undefined>;
}

/** Both directions between every two members of different groups. */
export function between(groups: readonly (readonly number[])[]): Direction[] {
  return groups.flatMap((group) =>
    groups
      .filter((other) => other !== group)
      .flatMap((other) => group.flatMap((from) => other.map((to) => ({ from, to })))),
  );
}
