import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { replayText } from "../scenario/replay-file.ts";
import { describeMismatch } from "../scenario/report.ts";

const own = fileURLToPath(new URL("scenarios", import.meta.url));
// Recordings of etcd's raft, where they lie beside the checkout. They are read, never copied.
const recordings = fileURLToPath(new URL("../../../../shared/etcd-raft", import.meta.url));

function scenarioFiles(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(".txt")).sort();
}

function replayFile(folder: string, name: string): void {
  const path = join(folder, name);
  const mismatch = replayText(readFileSync(path, "utf8"));
  if (mismatch !== undefined) expect.fail(describeMismatch(path, mismatch));
}

describe("own scenarios", () => {
  it.for(scenarioFiles(own))("%s", (name) => {
    const text = readFileSync(join(own, name), "utf8");
    expect(text, "a scenario opens with the reason why it exists").toMatch(/^# \S/);
    replayFile(own, name);
  });
});

if (existsSync(recordings)) {
  describe("scenarios recorded from etcd's raft", () => {
    it.for(scenarioFiles(recordings))("%s", (name) => {
      replayFile(recordings, name);
    });
  });
} else {
  it.skip(`scenarios recorded from etcd's raft (skipped: no folder ${recordings})`, () =>
    undefined);
}
