import type { Cleanup } from "./cleanup.ts";
import { command } from "./command.ts";
import { ProxyClient } from "./proxy-client.ts";
import type { Direction, Slowness, Topology } from "./topology.ts";

const PORT = 7_000;
const HUB = "10.77.0.254";

/** Members' real addresses exist only inside the namespaces: they cannot meet those of the machine. */
function host(member: number): string {
  return `10.77.0.${member}`;
}

/**
 * A network namespace for each member, joined by a bridge in one more, "the hub". Partitions are nft rules where the packets
 * arrive. Slow links lead through a proxy in the hub, to which nft turns what a member sends to another.
 */
export class NamespaceTopology implements Topology {
  readonly #prefix: string;
  readonly #members: readonly number[];
  readonly #proxy: ProxyClient;
  #blocked = new Set<number>();
  #slow: readonly number[] = [];
  #touchedBefore = 0;

  private constructor(prefix: string, members: readonly number[], proxy: ProxyClient) {
    this.#prefix = prefix;
    this.#members = members;
    this.#proxy = proxy;
  }

  /** Makes everything; `cleanup` gets what removes it. The names carry the id of this process: {@link removeLeftovers}. */
  static async make(members: readonly number[], cleanup: Cleanup): Promise<NamespaceTopology> {
    const prefix = `${NAME}${process.pid}-`;
    const hub = `${prefix}hub`;
    makeNamespace(hub, cleanup);
    ip(hub, "link", "add", "br0", "type", "bridge");
    ip(hub, "addr", "add", `${HUB}/24`, "dev", "br0");
    ip(hub, "link", "set", "br0", "up");
    for (const member of members) {
      const own = `${prefix}${member}`;
      makeNamespace(own, cleanup);
      const peer = ["type", "veth", "peer", "name", `m${member}`, "netns", hub];
      command("ip", ["link", "add", "eth0", "netns", own, ...peer]);
      ip(own, "addr", "add", `${host(member)}/24`, "dev", "eth0");
      ip(own, "link", "set", "eth0", "up");
      ip(hub, "link", "set", `m${member}`, "master", "br0");
      ip(hub, "link", "set", `m${member}`, "up");
    }
    const proxy = await ProxyClient.start(
      {
        listeners: members.map((member) => ({
          member,
          host: HUB,
          port: PORT + member,
          targetHost: host(member),
          targetPort: PORT,
        })),
        members: Object.fromEntries(members.map((member) => [host(member), member])),
      },
      inside(hub),
    );
    cleanup.add("end the proxy", () => proxy.end());
    return new NamespaceTopology(prefix, members, proxy);
  }

  address(member: number): string {
    return `${host(member)}:${PORT}`;
  }

  listen(member: number): string {
    return this.address(member);
  }

  place(member: number, program: readonly string[]): readonly string[] {
    return [...inside(`${this.#prefix}${member}`), ...program];
  }

  block(directions: readonly Direction[]): Promise<void> {
    for (const member of this.#members) {
      const senders = directions.filter(({ to }) => to === member).map(({ from }) => host(from));
      if (senders.length === 0) continue;
      this.#blocked.add(member);
      this.#nft(
        member,
        `table ip ${PARTITION} {
          chain input {
            type filter hook input priority 0
            ip saddr { ${senders.join(", ")} } counter drop
          }
        }\n`,
      );
    }
    return Promise.resolve();
  }

  heal(): Promise<string | undefined> {
    let packets = 0;
    for (const member of this.#blocked) {
      const listed = this.#nft(member, `list table ip ${PARTITION}\n`);
      packets += Number(/counter packets (\d+)/.exec(listed)?.[1] ?? 0);
      this.#nft(member, `delete table ip ${PARTITION}\n`);
    }
    this.#blocked = new Set();
    return Promise.resolve(packets === 0 ? undefined : `${packets} packets dropped`);
  }

  async slowDown(members: readonly number[], slowness: Slowness): Promise<void> {
    const touched = (a: number, b: number): boolean => members.includes(a) || members.includes(b);
    const links = this.#members.flatMap((from) =>
      this.#members
        .filter((to) => to !== from && touched(from, to))
        .map((to) => ({ from, to, rule: { ...slowness, blocked: false } })),
    );
    this.#touchedBefore = await this.#proxy.ask({ type: "rules", rules: links });
    this.#slow = this.#members.filter((member) => links.some(({ from }) => from === member));
    for (const member of this.#slow) {
      const others = links.filter(({ from }) => from === member).map(({ to }) => to);
      this.#nft(member, detour(others));
    }
  }

  async speedUp(): Promise<string | undefined> {
    for (const member of this.#slow) this.#nft(member, `delete table ip ${DETOUR}\n`);
    this.#slow = [];
    // Members dial again, and find the direct way.
    await this.#proxy.ask({ type: "cut" });
    const bytes = (await this.#proxy.ask({ type: "rules", rules: [] })) - this.#touchedBefore;
    return bytes === 0 ? undefined : `${Math.round(bytes / 1024)} KiB over slow links`;
  }

  #nft(member: number, input: string): string {
    const [program = "", ...args] = this.place(member, ["nft", "-f", "-"]);
    return command(program, args, input);
  }
}

const NAME = "holdfast-chaos-";
const PARTITION = "holdfast_partition";
const DETOUR = "holdfast_detour";

/** New connections to these members go to the hub; those that exist are reset, or they would go on as before. */
function detour(members: readonly number[]): string {
  return `table ip ${DETOUR} {
    chain turn {
      type nat hook output priority -100
      ${members.map((to) => `ip daddr ${host(to)} tcp dport ${PORT} dnat to ${HUB}:${PORT + to}`).join("\n")}
    }
    chain refuse {
      type filter hook output priority 0
      ${members.map((to) => `ip daddr ${host(to)} tcp dport ${PORT} reject with tcp reset`).join("\n")}
    }
  }\n`;
}

function inside(namespace: string): readonly string[] {
  return ["ip", "netns", "exec", namespace];
}

function ip(namespace: string, ...args: readonly string[]): void {
  command("ip", ["-n", namespace, ...args]);
}

function makeNamespace(name: string, cleanup: Cleanup): void {
  command("ip", ["netns", "add", name]);
  cleanup.add(`remove the namespace ${name}`, () => command("ip", ["netns", "del", name]));
  ip(name, "link", "set", "lo", "up");
}

/** Removes the namespaces of runs that were killed and could not: their names carry the id of a process that is gone. */
export function removeLeftovers(): void {
  for (const line of command("ip", ["netns", "list"]).split("\n")) {
    const [name = ""] = line.split(" ");
    if (!name.startsWith(NAME)) continue;
    const owner = Number(name.slice(NAME.length).split("-")[0]);
    if (!isAlive(owner)) command("ip", ["netns", "del", name]);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
