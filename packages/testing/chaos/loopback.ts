import type { Cleanup } from "./cleanup.ts";
import { ProxyClient } from "./proxy-client.ts";
import { FAST, type PipeRule } from "./slow-pipe.ts";
import type { Direction, Slowness, Topology } from "./topology.ts";

const PORT = 7_000;

/**
 * Where network namespaces are not allowed: every member has an address of its own in 127/8, and every byte between them goes through a
 * proxy, which loses and delays in the place of nft.
 */
export class LoopbackTopology implements Topology {
  readonly #network: string;
  readonly #members: readonly number[];
  readonly #proxy: ProxyClient;
  #blocked: readonly Direction[] = [];
  #slow: readonly number[] = [];
  #slowness: Slowness = FAST;
  #touchedBefore = 0;

  private constructor(network: string, members: readonly number[], proxy: ProxyClient) {
    this.#network = network;
    this.#members = members;
    this.#proxy = proxy;
  }

  /** Two runs on one machine get different addresses: they are made of the id of this process. */
  static async make(members: readonly number[], cleanup: Cleanup): Promise<LoopbackTopology> {
    const network = `127.${100 + (process.pid % 100)}.${Math.floor(process.pid / 100) % 250}`;
    const listeners = members.map((member) => ({
      member,
      host: `${network}.${100 + member}`,
      port: PORT,
      targetHost: `${network}.${member}`,
      targetPort: PORT,
    }));
    const proxy = await ProxyClient.start({ listeners }, []);
    cleanup.add("end the proxy", () => proxy.end());
    return new LoopbackTopology(network, members, proxy);
  }

  address(member: number): string {
    return `${this.#network}.${100 + member}:${PORT}`;
  }

  listen(member: number): string {
    return `${this.#network}.${member}:${PORT}`;
  }

  place(_member: number, program: readonly string[]): readonly string[] {
    return program;
  }

  async block(directions: readonly Direction[]): Promise<void> {
    this.#blocked = directions;
    this.#touchedBefore = await this.#tell();
  }

  async heal(): Promise<string | undefined> {
    this.#blocked = [];
    const bytes = (await this.#tell()) - this.#touchedBefore;
    return bytes === 0 ? undefined : `${bytes} bytes held back by the proxy`;
  }

  async slowDown(members: readonly number[], slowness: Slowness): Promise<void> {
    this.#slow = members;
    this.#slowness = slowness;
    this.#touchedBefore = await this.#tell();
  }

  async speedUp(): Promise<string | undefined> {
    this.#slow = [];
    const bytes = (await this.#tell()) - this.#touchedBefore;
    return bytes === 0 ? undefined : `${Math.round(bytes / 1024)} KiB over slow links`;
  }

  #tell(): Promise<number> {
    const rules = this.#members.flatMap((from) =>
      this.#members
        .filter((to) => to !== from)
        .map((to) => ({ from, to, rule: this.#rule(from, to) })),
    );
    return this.#proxy.ask({ type: "rules", rules: rules.filter(({ rule }) => rule !== FAST) });
  }

  #rule(from: number, to: number): PipeRule {
    const blocked = this.#blocked.some((one) => one.from === from && one.to === to);
    const isSlow = this.#slow.includes(from) || this.#slow.includes(to);
    if (!blocked && !isSlow) return FAST;
    return { ...(isSlow ? this.#slowness : FAST), blocked };
  }
}
