import { afterEach, describe, expect, test } from "vitest";
import { type Incident, Supervisor } from "../../chaos/supervisor.ts";

const supervisors: Supervisor[] = [];
afterEach(() => {
  for (const supervisor of supervisors.splice(0)) supervisor.endNow();
});

/** A member that opens at once, and ends itself with status 3 when it is asked for anything. */
const FRAIL = `
  process.send({ type: "open" });
  process.on("message", () => process.exit(3));
  process.on("disconnect", () => process.exit(1));
`;

/** A member whose only answer is where it stands. */
const LIVELY = `
  process.send({ type: "open" });
  process.on("message", ({ id }) =>
    process.send({ type: "answer", id, answer: { type: "status", status: { commit: process.pid } } }));
  process.on("disconnect", () => process.exit(1));
`;

function supervise(program: string) {
  const incidents: Incident[] = [];
  const ended: number[] = [];
  const launch = { command: process.execPath, args: ["-e", program] };
  const supervisor = new Supervisor(7, launch, {
    incident: (one) => incidents.push(one),
    ended: (pid) => ended.push(pid),
  });
  supervisors.push(supervisor);
  return { supervisor, incidents, ended };
}

const provoke = (supervisor: Supervisor): Promise<unknown> =>
  supervisor.ask({ type: "status" }).catch((error: unknown) => error);

describe("a supervisor", () => {
  test("starts a member and passes on what it is asked", async () => {
    const { supervisor } = supervise(LIVELY);
    expect(supervisor.isOpen).toBe(false);
    expect(await supervisor.start()).toBe(true);
    expect(supervisor.isOpen).toBe(true);
    expect(await supervisor.status(10_000)).toEqual({ commit: supervisor.pid });
  });

  test("says that a member does not open", async () => {
    const { supervisor } = supervise(`console.error("no room"); process.exit(4)`);
    supervisor.faultBegins();
    expect(await supervisor.start()).toBe(false);
    expect(supervisor.ends).toEqual(["exit status 4: no room"]);
  });

  test("reports a member that ends by itself, and starts it again", async () => {
    const { supervisor, incidents, ended } = supervise(FRAIL);
    await supervisor.start();
    const { pid } = supervisor;
    expect(await provoke(supervisor)).toMatchObject({ name: "ProcessGone" });
    await expect.poll(() => supervisor.isOpen, { timeout: 20_000 }).toBe(true);
    expect(supervisor.pid).not.toBe(pid);
    expect(incidents).toEqual([{ member: 7, reason: "exit status 3" }]);
    expect(ended).toEqual([pid]);
  });

  test("keeps a member down while a fault is on it, and finds its end natural", async () => {
    const { supervisor, incidents } = supervise(LIVELY);
    await supervisor.start();
    supervisor.faultBegins();
    supervisor.faultBegins();
    supervisor.signal("SIGKILL");
    await expect.poll(() => supervisor.ends).toEqual(["SIGKILL"]);
    supervisor.faultEnds();
    expect(supervisor.isRunning).toBe(false);
    supervisor.faultEnds();
    expect(supervisor.isRunning).toBe(true);
    await expect.poll(() => supervisor.isOpen, { timeout: 20_000 }).toBe(true);
    expect(incidents).toEqual([]);
  });

  test("has no status of a member that is stopped", async () => {
    const { supervisor } = supervise(LIVELY);
    await supervisor.start();
    supervisor.signal("SIGSTOP");
    expect(await supervisor.status(100)).toBeUndefined();
    supervisor.signal("SIGCONT");
    expect(await supervisor.status(10_000)).toBeDefined();
  });
});
