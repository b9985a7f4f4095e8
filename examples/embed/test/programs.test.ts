import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

// The programs run as whoever follows a README runs them: compiled, in an empty directory. `npm test` builds first.
const programs = fileURLToPath(new URL("../dist", import.meta.url));

let directory = "";
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "holdfast-embed-"));
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "close");
  }
  rmSync(directory, { recursive: true, force: true });
});

interface Program {
  readonly child: ChildProcess;
  /** Resolves when it has printed `text`; rejects when it ends without. */
  readonly printed: (text: string) => Promise<void>;
  /** What it printed, once it has ended with status 0. */
  readonly output: Promise<string>;
}

function start(name: string, ...args: readonly string[]): Program {
  const child = spawn(process.execPath, [path.join(programs, `${name}.js`), ...args], {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let text = "";
  let errors = "";
  child.stdout.on("data", (bytes: Buffer) => (text += bytes.toString()));
  child.stderr.on("data", (bytes: Buffer) => (errors += bytes.toString()));
  const output = once(child, "close").then(([status]) => {
    if (status !== 0) throw new Error(`${name} ended with ${String(status)}: ${text}${errors}`);
    return text;
  });
  // Who waits for something it prints does not ask how it ended.
  output.catch(() => undefined);
  const printed = (wanted: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (text.includes(wanted)) resolve();
      };
      look();
      child.stdout.on("data", look);
      child.on("close", () => {
        reject(new Error(`${name} ended without printing "${wanted}": ${text}${errors}`));
      });
    });
  return { child, printed, output };
}

function lines(output: string): readonly string[] {
  return output.trimEnd().split("\n");
}

test("main: ten lines embed a node, and find their data again", async () => {
  expect(await start("main").output).toBe("2 apples\n");
  expect(await start("main").output).toBe("2 apples\n");
});

test("tour: every call does what its comment says", async () => {
  expect(lines(await start("tour").output)).toEqual([
    "undefined [ { item: 'pear', count: 1 }, { item: 'plum', count: 9 } ]",
    "order/2 pear",
    "order/3 plum",
    "{ item: 'pear', count: 1 } [ 'order/2', 'order/3' ]",
    "false true",
    expect.stringMatching(/^entry \d+ of term \d+: 0 commands$/),
    expect.stringMatching(/^entry \d+ of term \d+: 1 commands$/),
    "[ '1: voter', '2: learner' ]",
    expect.stringMatching(/^MEMBERSHIP node \(2\) was not heard lately/),
    "leader true",
  ]);
});

test("member: three processes form a cluster, lose nothing to kill -9 of all, and close on SIGTERM", async () => {
  const addresses = await freeAddresses(3);
  const three = (): readonly Program[] =>
    ["1", "2", "3"].map((id) => start("member", id, ...addresses));
  const keys = (programs: readonly Program[]): readonly string[] =>
    programs.map(({ child }, i) => `'started/${i + 1}/${child.pid ?? 0}'`);

  const killed = three();
  await Promise.all(killed.map(({ printed }) => printed("]")));
  for (const { child } of killed) child.kill("SIGKILL");
  await Promise.all(killed.map(({ child }) => once(child, "exit")));

  const closed = three();
  await Promise.all(closed.flatMap(({ printed }) => keys(killed).map(printed)));
  for (const { child } of closed) child.kill("SIGTERM");
  await Promise.all(closed.map(({ output }) => output));
});

test("counting: a state machine of one's own keeps its state", async () => {
  expect(lines(await start("counting").output)).toEqual(["1", "1"]);
  expect(lines(await start("counting").output)).toEqual(["2", "2"]);
});

test("raft: the algorithm alone takes one entry to three members", async () => {
  const output = await start("raft").output;
  expect(lines(output)).toEqual([1, 2, 3].map((id) => `${id} applies 3: hello`));
});

test("platform: the append is on the disk, and nothing keeps the process alive", async () => {
  const [first, second] = lines(await start("platform").output);
  expect(first).toMatch(/^synced within \d+ ms$/);
  expect(second).toBe("on the disk, not only in its cache");
});

async function freeAddresses(count: number): Promise<readonly string[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  const addresses: string[] = [];
  await Promise.all(servers.map((server) => once(server, "listening")));
  for (const server of servers) {
    const address = server.address();
    addresses.push(`127.0.0.1:${typeof address === "object" ? (address?.port ?? 0) : 0}`);
  }
  for (const server of servers) {
    server.close();
    await once(server, "close");
  }
  return addresses;
}
