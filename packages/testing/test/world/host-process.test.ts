import { describe, expect, it } from "vitest";
import { HostClock } from "../../src/world/host-clock.ts";
import { HostProcess } from "../../src/world/host-process.ts";
import { SimulatedWorld } from "../../src/world/world.ts";

function setUp(): { world: SimulatedWorld; process: HostProcess; ran: string[]; run: () => void } {
  const world = new SimulatedWorld(1);
  const process = new HostProcess(world, 1, () => undefined);
  return {
    world,
    process,
    ran: [],
    run: () => {
      while (world.step());
    },
  };
}

describe("a process of a host", () => {
  it("runs what is due while it lives", () => {
    const { process, ran, run, world } = setUp();
    process.after(20, () => ran.push(`late at ${world.now}`));
    process.after(10, () => ran.push(`early at ${world.now}`));
    process.after(15, () => ran.push("cancelled")).cancel();
    run();
    expect(ran).toEqual(["early at 10", "late at 20"]);
  });

  it("is silent once it is dead", () => {
    const { process, ran, run, world } = setUp();
    process.after(10, () => ran.push("never"));
    world.after(5, () => {
      process.kill();
    });
    run();
    expect(ran).toEqual([]);
  });

  it("catches up in order after a pause, and not with what was cancelled meanwhile", () => {
    const { process, ran, run, world } = setUp();
    process.after(10, () => ran.push(`first at ${world.now}`));
    const second = process.after(11, () => ran.push("second"));
    process.after(12, () => ran.push(`third at ${world.now}`));
    world.after(5, () => {
      process.pause();
    });
    world.after(50, () => {
      second.cancel();
      process.resume();
    });
    run();
    expect(ran).toEqual(["first at 50", "third at 50"]);
  });
});

describe("the clock of a host", () => {
  it("runs at its rate, never goes back, and shows a time of day that jumps", () => {
    const { world, process, run } = setUp();
    const host = new HostClock(world, 1_000);
    const clock = host.view(process);
    const wallAtFirst = clock.wallTime();
    const seen: number[] = [];
    world.after(100, () => {
      seen.push(clock.now());
      host.setRate(2);
      clock.setTimer(50, () => seen.push(clock.now(), world.now));
    });
    world.after(200, () => {
      host.jump(-5_000);
      seen.push(clock.now(), clock.wallTime() - wallAtFirst);
    });
    run();
    // Fifty local milliseconds are twenty-five true ones.
    expect(seen).toEqual([1_100, 1_150, 125, 1_300, 300 - 5_000]);
  });
});
