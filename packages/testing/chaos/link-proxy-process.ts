// `node link-proxy-process.js SETUP`: a LinkProxy in a process of its own, so that it can run in a network namespace and does not
// share an event loop with the clients.
import { FrameTap } from "@holdfast/core/inspection";
import { LinkProxy, type ProxyListener, type Recognise } from "./link-proxy.ts";
import type { PipeRule } from "./slow-pipe.ts";

/** Told to the process at its start. */
export interface ProxySetup {
  readonly listeners: readonly ProxyListener[];
  /** Members by the address they dial from; without it, they are known by the name they give in their first frame. */
  readonly members?: Readonly<Record<string, number>>;
}

/** Told to the process later. It answers each with a {@link ProxyReply}. */
export type ProxyRequest =
  | {
      readonly type: "rules";
      readonly rules: readonly { from: number; to: number; rule: PipeRule }[];
    }
  | { readonly type: "cut" };

/** What the process says: once when it listens, and after each request. */
export interface ProxyReply {
  readonly touchedBytes: number;
}

const [argument = "{}"] = process.argv.slice(2);
const setup = JSON.parse(argument) as ProxySetup;

const byHello: Recognise = (_address, bytes) => {
  try {
    return new FrameTap().push(bytes)[0]?.from;
  } catch {
    return undefined;
  }
};

const { members } = setup;
const proxy = new LinkProxy(members === undefined ? byHello : (address) => members[address]);

function reply(): void {
  process.send?.({ touchedBytes: proxy.touchedBytes } satisfies ProxyReply);
}

process.on("message", (request: ProxyRequest) => {
  if (request.type === "rules") {
    // Infinity does not survive the way here.
    proxy.setRules(
      request.rules.map(({ from, to, rule }) => ({
        from,
        to,
        rule: { ...rule, bytesPerSecond: rule.bytesPerSecond > 0 ? rule.bytesPerSecond : Infinity },
      })),
    );
  } else proxy.cut();
  reply();
});
process.on("disconnect", () => process.exit(1));
process.on("SIGINT", () => undefined);

await proxy.listen(setup.listeners);
reply();
