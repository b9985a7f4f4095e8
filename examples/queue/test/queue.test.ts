import type { MemoryMachine } from "@holdfast/core";
import { simulate, type SimulatedWorkload } from "@holdfast/testing";
import { expect, test } from "vitest";
import { acknowledge, type Claim, claim, push, type Queue, queueMachine } from "../src/queue.ts";

/** Clients push, claim and acknowledge while nodes crash, disks fail and networks part. Then it must all add up. */
function workload(): SimulatedWorkload<MemoryMachine<Queue>> {
  const [pushed, attempted, done] = [new Set<number>(), new Set<number>(), new Set<Claim>()];
  const claims: Claim[] = [];
  return {
    operation: async (client) => {
      pushed.add(await push(client, "a job"));
      const mine = await claim(client, 50);
      if (mine === undefined) return;
      claims.push(mine);
      await client.pause(client.random.integer(0, 60)); // It works on the job, perhaps for too long.
      attempted.add(mine.job);
      if (await acknowledge(client, mine)) done.add(mine);
    },
    check: (machines) => {
      for (const one of claims) {
        const later = claims.filter(({ job, number }) => job === one.job && number > one.number);
        if (done.has(one)) expect(later).toEqual([]); // What is done never comes back.
        for (const { from } of later) expect(from).toBeGreaterThanOrEqual(one.until);
      }
      const waiting = [...pushed].filter((job) => !attempted.has(job));
      for (const machine of machines) {
        const jobs = machine.read((queue) => [...queue.jobs.keys()]);
        expect(jobs).toEqual(expect.arrayContaining(waiting));
      }
    },
  };
}

test.each([1, 2, 3, 4, 5])("no job is lost, or has two owners: seed %i", async (seed) => {
  const { operations } = await simulate({ stateMachine: queueMachine, workload, seed });
  expect(operations.ok).toBeGreaterThan(0);
});
