import { fileURLToPath } from "node:url";
import { ESLint } from "eslint";
import tseslint from "typescript-eslint";
import { describe, expect, it } from "vitest";

// The bans are syntax; without types, a snippet needs no file on disk.
const eslint = new ESLint({
  cwd: fileURLToPath(new URL("../..", import.meta.url)),
  overrideConfig: [tseslint.configs.disableTypeChecked],
});

/** What the ban rules say about a snippet, were it the file at this path. */
async function refusals(filePath: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath });
  return (result?.messages ?? [])
    .filter(({ ruleId, fatal }) => fatal === true || /no-restricted-/.test(ruleId ?? ""))
    .map(({ message }) => message);
}

const CORE = "packages/core/src/snippet.ts";
const RAFT = "packages/raft-ts-lite/src/snippet.ts";
const PLATFORM = "packages/platform/src/snippet.ts";

const touchesTheWorld: [what: string, code: string, replacement: RegExp][] = [
  ["setTimeout", "setTimeout(() => {}, 1);", /take a Clock/],
  ["globalThis.setTimeout", "globalThis.setTimeout(() => {}, 1);", /take a Clock/],
  ["setInterval", "setInterval(() => {}, 1);", /take a Clock/],
  ["performance", "export const now = performance.now();", /take a Clock/],
  ["Date.now", "export const now = Date.now();", /take a Clock/],
  ["new Date", "export const now = new Date();", /take a Clock/],
  ["Date()", "export const now = Date();", /take a Clock/],
  ["AbortSignal.timeout", "export const signal = AbortSignal.timeout(1);", /take a Clock/],
  ["process.hrtime", "export const now = process.hrtime();", /take a Clock/],
  ["timers/promises", 'import "node:timers/promises";', /take a Clock/],
  ["setImmediate", "setImmediate(() => {});", /take a TurnScheduler/],
  ["process.nextTick", "process.nextTick(() => {});", /take a TurnScheduler/],
  ["nextTick taken apart", "export const { nextTick } = process;", /take a TurnScheduler/],
  ["Math.random", "export const x = Math.random();", /take a Random/],
  ["global crypto", "export const x = crypto.randomUUID();", /take a Random/],
  ["crypto import", 'import { randomBytes } from "node:crypto";', /take a Random/],
  ["crypto namespace", 'import * as crypto from "crypto";', /take a Random/],
  ["node:fs", 'import { open } from "node:fs";', /take a Disk/],
  ["fs", 'import fs from "fs";', /take a Disk/],
  ["fs/promises", 'import { open } from "fs/promises";', /take a Disk/],
  ["dynamic import", 'export const fs = import("node:fs/promises");', /take a Disk/],
  ["fs re-exported", 'export * from "node:fs";', /take a Disk/],
  ["node:net", 'import { connect } from "node:net";', /take a Network/],
  ["fetch", 'export const answer = fetch("http://127.0.0.1");', /take a Network/],
  ["worker_threads", 'import { Worker } from "node:worker_threads";', /threads belong to/],
  ["child_process", 'import { spawn } from "node:child_process";', /processes belong to/],
  ["getBuiltinModule", 'export const fs = process.getBuiltinModule("fs");', /import it/],
];

const breaksDeterminism: [what: string, code: string, replacement: RegExp][] = [
  ["Math.random", "export const x = Math.random();", /take a Prng/],
  ["crypto", "export const x = crypto.randomUUID();", /take a Prng/],
  ["Date.now", "export const now = Date.now();", /count ticks/],
  ["new Date", "export const now = new Date();", /count ticks/],
  ["performance", "export const now = performance.now();", /count ticks/],
  ["setTimeout", "setTimeout(() => {}, 1);", /count ticks/],
  ["new Promise", "export const p = new Promise(() => {});", /stepped synchronously/],
  ["Promise type", "export type P = Promise<void>;", /stepped synchronously/],
  ["async function", "export async function f() {}", /stepped synchronously/],
  ["async arrow", "export const f = async () => 1;", /stepped synchronously/],
  ["async method", "export class A { async f() {} }", /stepped synchronously/],
  ["await", "await 1;", /stepped synchronously/],
  ["for await", "for await (const x of []) x;", /stepped synchronously/],
  ["queueMicrotask", "queueMicrotask(() => {});", /stepped synchronously/],
  ["Node module", 'import { hash } from "node:crypto";', /nothing but its own files/],
  ["npm package", 'import { z } from "zod";', /nothing but its own files/],
  ["our package", 'import type { Clock } from "@holdfast/platform";', /nothing but its own files/],
  ["dynamic import", 'export const m = import("./raft.ts");', /nothing but its own files/],
  ["localeCompare", 'export const x = "a".localeCompare("b");', /locale/],
  ["Intl", "export const x = new Intl.NumberFormat();", /locale/],
];

describe("the world is injected into core", () => {
  it.each(touchesTheWorld)("refuses %s", async (_, code, replacement) => {
    expect((await refusals(CORE, code)).join("\n")).toMatch(replacement);
  });

  it("allows what decides nothing about time, chance or the outside", async () => {
    const code = [
      'import { createHash } from "node:crypto";',
      'import { join } from "node:path";',
      "queueMicrotask(() => {});",
      "export const f = async () => Promise.resolve([createHash, join]);",
    ].join("\n");
    expect(await refusals(CORE, code)).toEqual([]);
  });

  it.each(touchesTheWorld)("leaves %s to platform", async (_, code) => {
    expect(await refusals(PLATFORM, code)).toEqual([]);
  });
});

describe("raft-ts-lite is deterministic by construction", () => {
  it.each(breaksDeterminism)("refuses %s", async (_, code, replacement) => {
    expect((await refusals(RAFT, code)).join("\n")).toMatch(replacement);
  });

  it("allows its own files", async () => {
    expect(await refusals(RAFT, 'export { RawNode } from "./raw-node.ts";')).toEqual([]);
  });
});
