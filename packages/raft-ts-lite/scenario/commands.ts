/**
 * The commands of interaction files. Those of the recordings are described in FORMAT.md; ours, marked below, are for
 * what the recordings do not cover.
 */
import type { ConfChange, ConfChangeTransition, ConfChangeV2 } from "../src/conf-change-codec.ts";
import type { MessageType } from "../src/message.ts";
import { parseTemplate } from "./add-nodes.ts";
import {
  firstInteger,
  nodeIds,
  optionalText,
  parseBoolean,
  parseInteger,
  text,
  words,
} from "./arguments.ts";
import { parseChanges } from "./conf-change-text.ts";
import { ScenarioError, type Handler, type Stanza } from "./datadriven.ts";
import {
  describeConfState,
  describeEntries,
  describeProgress,
  describeRole,
  describeMessage,
  MESSAGE_NAMES,
} from "./describe.ts";
import { Environment, type Recipient } from "./environment.ts";
import { CommandError, errorText } from "./errors.ts";

type Command = (env: Environment, stanza: Stanza) => void;

const COMMANDS: Readonly<Record<string, Command>> = {
  // A place for a debugger's breakpoint.
  _breakpoint: () => undefined,
  "add-nodes": addNodes,
  campaign: (env, stanza) => env.node(firstInteger(stanza)).raw.campaign(),
  // compact N INDEX: drops entries up to and with INDEX, and prints the rest.
  compact,
  "deliver-msgs": deliver,
  "process-ready": (env, stanza) =>
    forEachNode(env, stanza, "handling Ready", (id) => env.processReady(id)),
  "process-append-thread": (env, stanza) =>
    forEachNode(env, stanza, "processing append thread", (id) => env.processAppendThread(id)),
  "process-apply-thread": (env, stanza) =>
    forEachNode(env, stanza, "processing apply thread", (id) => env.processApplyThread(id)),
  "log-level": (env, stanza) => setLogLevel(env, words(stanza)[0] ?? ""),
  "raft-log": (env, stanza) => printLog(env, firstInteger(stanza)),
  "raft-state": printStates,
  "set-randomized-election-timeout": (env, stanza) =>
    env.node(firstInteger(stanza)).raw.setElectionTimeout(parseInteger(text(stanza, "timeout"))),
  stabilize,
  status: printStatus,
  "tick-election": (env, stanza) => {
    const { config } = env.node(firstInteger(stanza));
    tick(env, firstInteger(stanza), config.electionTicks);
  },
  "tick-heartbeat": (env, stanza) => {
    const { config } = env.node(firstInteger(stanza));
    tick(env, firstInteger(stanza), config.heartbeatTicks);
  },
  "transfer-leadership": (env, stanza) => {
    const from = env.node(parseInteger(text(stanza, "from")));
    from.raw.transferLeadership(parseInteger(text(stanza, "to")));
  },
  "forget-leader": (env, stanza) => env.node(firstInteger(stanza)).raw.forgetLeader(),
  "send-snapshot": sendSnapshot,
  propose: (env, stanza) => {
    const [, payload] = words(stanza);
    if (payload === undefined) throw new ScenarioError("propose without a payload");
    env.node(firstInteger(stanza)).raw.propose(new TextEncoder().encode(payload));
  },
  "propose-conf-change": (env, stanza) =>
    env.proposeConfChange(firstInteger(stanza), parseConfChange(stanza)),
  "report-unreachable": (env, stanza) => {
    const [id, peer, ...rest] = nodeIds(stanza);
    if (id === undefined || peer === undefined || rest.length > 0) {
      throw new CommandError(
        "must specify exactly two node indexes: node on which to report, and reported node",
      );
    }
    env.node(id).raw.reportUnreachable(peer);
  },

  // Ours from here on.

  // propose-batch N A B C: several entries in one append.
  "propose-batch": (env, stanza) => {
    const payloads = words(stanza).slice(1);
    const encoder = new TextEncoder();
    env.node(firstInteger(stanza)).raw.proposeBatch(payloads.map((one) => encoder.encode(one)));
  },
  // request-conf-change N: as propose-conf-change, by the public method, which says why a change does not fit.
  "request-conf-change": (env, stanza) =>
    env.node(firstInteger(stanza)).raw.proposeConfChange(parseConfChange(stanza)),
  // read-index N: asks for a linearizable read, and prints its token.
  "read-index": (env, stanza) => env.out.line(env.node(firstInteger(stanza)).raw.readIndex()),
  // void-lease N: the node's clock cannot be trusted any more.
  "void-lease": (env, stanza) => env.node(firstInteger(stanza)).raw.voidLease(),
  // report-snapshot N PEER finished|failed: how sending a snapshot to PEER ended.
  "report-snapshot": (env, stanza) => {
    const [, peer = "", status] = words(stanza);
    if (status !== "finished" && status !== "failed") {
      throw new ScenarioError(`unknown status of a snapshot (${status ?? ""})`);
    }
    env.node(firstInteger(stanza)).raw.reportSnapshot(parseInteger(peer), status);
  },
  // copy-msgs N: the network keeps a copy of what is queued for N; release-copies queues the copies.
  "copy-msgs": (env, stanza) => env.copyMessages(firstInteger(stanza)),
  "release-copies": (env) => env.releaseCopies(),
  // tick N count=M: M ticks.
  tick: (env, stanza) => tick(env, firstInteger(stanza), parseInteger(text(stanza, "count"))),
  // restart N: the process dies and comes back with what its disk holds.
  restart: (env, stanza) => env.restart(firstInteger(stanza)),
  // page-out N below=INDEX: entries below INDEX leave the memory.
  "page-out": (env, stanza) => {
    env.node(firstInteger(stanza)).storage.unavailableBelow = parseInteger(text(stanza, "below"));
  },
  // page-in N: all entries are in memory again, and the node is told so.
  "page-in": (env, stanza) => {
    const { storage, raw } = env.node(firstInteger(stanza));
    storage.unavailableBelow = 0;
    raw.entriesFetched();
  },
  // withhold-snapshot N [on=false]: no snapshot can be had of this node, or again one can.
  "withhold-snapshot": (env, stanza) => {
    const { storage } = env.node(firstInteger(stanza));
    storage.snapshotUnavailable = parseBoolean(optionalText(stanza, "on") ?? "true");
  },
  // conf-state N: the configuration that the node has applied.
  "conf-state": (env, stanza) =>
    env.out.line(describeConfState(env.node(firstInteger(stanza)).raw.status().config)),
  // state N: what the node's state machine holds.
  state: (env, stanza) => {
    const { metadata, data } = env.node(firstInteger(stanza)).storage.newest;
    env.out.line(`applied=${metadata.index} data=${new TextDecoder().decode(data)}`);
  },
};

/** Runs interaction files. */
export function interactionHandler(): Handler {
  const env = new Environment();
  return (stanza) => {
    env.out.clear();
    const command = COMMANDS[stanza.command];
    try {
      if (command === undefined) throw new CommandError("unknown command");
      command(env, stanza);
    } catch (error) {
      // Errors are written at every level.
      return `${env.out.text}${errorText(error)}`;
    }
    return env.out.text === "" ? "ok" : env.out.text;
  };
}

const LOG_LEVELS = ["DEBUG", "INFO", "WARN", "ERROR", "FATAL", "NONE"];

/** Only NONE makes a difference, since there is no logger: it silences the commands too. */
function setLogLevel(env: Environment, level: string): void {
  if (!LOG_LEVELS.includes(level.toUpperCase())) {
    throw new CommandError(`log levels must be either of [${LOG_LEVELS.join(" ")}]`);
  }
  env.out.quiet = level.toUpperCase() === "NONE";
}

function addNodes(env: Environment, stanza: Stanza): void {
  const { settings, priorities, snapshot } = parseTemplate(stanza);
  const count = firstInteger(stanza);
  for (let i = 0; i < count; i++) {
    env.addNode({ ...settings, priority: priorities[i] ?? 0 }, snapshot);
  }
}

function compact(env: Environment, stanza: Stanza): void {
  const [, index = ""] = words(stanza);
  const id = firstInteger(stanza);
  env.node(id).storage.log.compact(parseInteger(index));
  printLog(env, id);
}

function deliver(env: Environment, stanza: Stanza): void {
  const recipients: Recipient[] = [];
  // In the order of the arguments: `1 drop=(2) 3`.
  for (const { key, values } of stanza.args) {
    if (values.length === 0) recipients.push({ id: parseInteger(key), drop: false });
    if (key !== "drop") continue;
    for (const id of values.map(parseInteger)) {
      if (recipients.some((recipient) => recipient.id === id)) {
        throw new ScenarioError(`can't both deliver and drop msgs to ${id}`);
      }
      recipients.push({ id, drop: true });
    }
  }
  const typeName = optionalText(stanza, "type");
  const type = typeName === undefined ? undefined : messageType(typeName);
  if (env.deliver(recipients, type) === 0) env.out.line("no messages");
}

function messageType(name: string): MessageType {
  const types = Object.keys(MESSAGE_NAMES) as MessageType[];
  const type = types.find((one) => MESSAGE_NAMES[one] === name);
  if (type === undefined) throw new ScenarioError(`unknown message type (${name})`);
  return type;
}

/** Runs `body` on each node named; with a header each where there are several. */
function forEachNode(
  env: Environment,
  stanza: Stanza,
  title: string,
  body: (id: number) => void,
): void {
  const ids = nodeIds(stanza);
  for (const id of ids) {
    if (ids.length === 1) {
      body(id);
    } else {
      env.out.line(`> ${id} ${title}`);
      env.out.indented(() => body(id));
    }
  }
}

function stabilize(env: Environment, stanza: Stanza): void {
  const named = nodeIds(stanza);
  const ids = named.length > 0 ? named : env.nodes.map(({ id }) => id);
  const level = optionalText(stanza, "log-level");
  const { quiet } = env.out;
  try {
    if (level !== undefined) setLogLevel(env, level);
    env.stabilize(ids);
  } finally {
    env.out.quiet = quiet;
  }
}

function tick(env: Environment, id: number, count: number): void {
  for (let i = 0; i < count; i++) env.node(id).raw.tick();
}

function printLog(env: Environment, id: number): void {
  const { log } = env.node(id).storage;
  const [first, last] = [log.firstIndex(), log.lastIndex()];
  if (last < first) {
    env.out.write(`log is empty: first index=${first}, last index=${last}`);
    return;
  }
  env.out.write(describeEntries(log.entries(first, last + 1, Infinity)));
}

function printStates(env: Environment): void {
  for (const { raw } of env.nodes) {
    const { id, role, term, leader, config } = raw.status();
    const isVoter = config.voters.includes(id) || config.votersOutgoing.includes(id);
    const voter = isVoter ? "(Voter)" : "(Non-Voter)";
    env.out.line(`${id}: ${describeRole(role)} ${voter} Term:${term} Lead:${leader}`);
  }
}

function printStatus(env: Environment, stanza: Stanza): void {
  const { progress } = env.node(firstInteger(stanza)).raw.status();
  const ids = [...progress.keys()].sort((a, b) => a - b);
  for (const id of ids) {
    const view = progress.get(id);
    if (view !== undefined) env.out.line(`${id}: ${describeProgress(view)}`);
  }
}

/** Sends the newest snapshot of one node to another, as an operator might, without the core's doing. */
function sendSnapshot(env: Environment, stanza: Stanza): void {
  const [from, to, ...rest] = nodeIds(stanza);
  if (from === undefined || to === undefined || rest.length > 0) {
    throw new ScenarioError("send-snapshot needs two nodes");
  }
  const { raw, storage } = env.node(from);
  const { term } = raw.basicStatus();
  const message = {
    type: "InstallSnapshot",
    from,
    to,
    term,
    snapshot: storage.snapshot(),
  } as const;
  env.send(message);
  env.out.write(describeMessage(message));
}

const TRANSITIONS: readonly ConfChangeTransition[] = ["auto", "implicit", "explicit"];

function parseConfChange(stanza: Stanza): ConfChange | ConfChangeV2 {
  for (const { key, values } of stanza.args.slice(1)) {
    if (values.length > 0 && key !== "v1" && key !== "transition") {
      throw new CommandError(`unknown command ${key}`);
    }
  }
  const name = optionalText(stanza, "transition") ?? "auto";
  const transition = TRANSITIONS.find((one) => one === name);
  if (transition === undefined) throw new CommandError(`unknown transition ${name}`);
  const changes = parseChanges(stanza.input);
  if (!parseBoolean(optionalText(stanza, "v1") ?? "false")) return { transition, changes };
  const [change] = changes;
  if (change === undefined || changes.length > 1 || transition !== "auto") {
    throw new CommandError("v1 conf change can only have one operation and no transition");
  }
  return change;
}
