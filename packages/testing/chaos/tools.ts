import { accessSync, existsSync } from "node:fs";
import { command, works } from "./command.ts";
import type { FaultKind } from "./plan.ts";

/** What this machine allows, and what not. */
export interface Tools {
  readonly namespaces: boolean;
  /** Libraries to load before all others, where found. */
  readonly fiu: readonly string[] | undefined;
  readonly faketime: string | undefined;
  /** Why each of these kinds is left out, in a line for people. */
  readonly skipped: ReadonlyMap<FaultKind, string>;
  /** What is done in another way, in lines for people. */
  readonly notes: readonly string[];
}

/** Looks for what the faults need. Changes nothing that stays. */
export function findTools(wantNamespaces: boolean): Tools {
  const skipped = new Map<FaultKind, string>();
  const notes: string[] = [];
  const missing = wantNamespaces ? whyNoNamespaces() : "not asked for (--loopback)";
  if (missing !== undefined) {
    notes.push(`no network namespaces (${missing}): addresses in 127/8 and a proxy instead of nft`);
  }
  const fiu = fiuLibraries();
  if (fiu === undefined) skipped.set("fsync", "libfiu is not installed (fiu-utils, libfiu0)");
  const faketime = faketimeLibrary();
  if (faketime === undefined) skipped.set("clock", "libfaketime is not installed (faketime)");
  if (!mayMount()) skipped.set("disk-full", "a tmpfs cannot be mounted (not root)");
  return { namespaces: missing === undefined, fiu, faketime, skipped, notes };
}

function whyNoNamespaces(): string | undefined {
  if (!works("ip", ["netns", "list"])) return "the program ip is missing (iproute2)";
  if (!works("nft", ["--version"])) return "the program nft is missing (nftables)";
  const name = `holdfast-chaos-${process.pid}-probe`;
  if (!works("ip", ["netns", "add", name])) return "not allowed to make one";
  const rules =
    "table ip probe {\n chain c {\n type nat hook output priority -100\n ip daddr 10.77.0.1 tcp dport 1 dnat to 10.77.0.2:2\n }\n" +
    " chain d {\n type filter hook input priority 0\n ip saddr 10.77.0.1 counter drop\n }\n}\n";
  const nft = works("ip", ["netns", "exec", name, "nft", "-f", "-"], rules);
  const bridge = works("ip", ["-n", name, "link", "add", "br0", "type", "bridge"]);
  command("ip", ["netns", "del", name]);
  if (!nft) return "nft does not work in one";
  return bridge ? undefined : "the kernel has no bridge";
}

function fiuLibraries(): readonly string[] | undefined {
  const names = ["fiu_run_preload.so", "fiu_posix_preload.so"];
  for (const folder of ["/usr/lib/fiu", "/usr/local/lib/fiu"]) {
    const paths = names.map((name) => `${folder}/${name}`);
    if (paths.every((path) => existsSync(path))) return paths;
  }
  return undefined;
}

function faketimeLibrary(): string | undefined {
  const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
  const folders = [
    `/usr/lib/${machine}-linux-gnu/faketime`,
    "/usr/lib/faketime",
    "/usr/lib64/faketime",
  ];
  // Clocks are read on several threads.
  return folders.map((folder) => `${folder}/libfaketimeMT.so.1`).find(existsSync);
}

function mayMount(): boolean {
  try {
    accessSync("/proc/self/mounts");
    return process.getuid?.() === 0 && works("mount", ["--version"]);
  } catch {
    return false;
  }
}
