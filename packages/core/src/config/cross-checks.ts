import { readAddress } from "../transport/address.ts";
import type { ConfigIssue } from "./config-error.ts";
import type { InitialMember, ResolvedSettings } from "./settings.ts";

const MIB = 1_048_576;
/** Voters of one group; every write waits for most of them. */
export const MAX_VOTERS = 7;
/** Lengths are stored in 32 bits, and a frame is one buffer. */
const MAX_BYTES = 1024 * MIB;
/** What a frame, a message and the head of each entry add to the entries of an AppendEntries. */
const FRAME_ROOM_BYTES = 4_096;
const ENTRY_ROOM_BYTES = 64;

/** A broken rule, and the keys that it looked at: if one of those is wrong by itself, the rule says nothing of use. */
export interface CrossIssue extends ConfigIssue {
  readonly keys: readonly string[];
}

/** The rules that no single key can say. Every broken one is reported. */
export function crossChecks(settings: ResolvedSettings): readonly CrossIssue[] {
  return [
    ...timingRules(settings),
    ...sizeRules(settings),
    ...addressRules(settings),
    ...memberRules(settings),
  ];
}

/** `message` about `path`, the first of `keys`, unless the rule holds. */
function rule(holds: boolean, keys: readonly [string, ...string[]], message: string): CrossIssue[] {
  return holds ? [] : [{ path: keys[0], message, keys }];
}

function timingRules({ raft, transport }: ResolvedSettings): readonly CrossIssue[] {
  return [
    ...rule(
      raft.heartbeatMs * 3 <= raft.electionMinMs,
      ["raft.electionMinMs", "raft.heartbeatMs"],
      `must be at least three heartbeats (${raft.heartbeatMs * 3})`,
    ),
    ...rule(
      raft.electionMinMs < raft.electionMaxMs,
      ["raft.electionMaxMs", "raft.electionMinMs"],
      `must be above electionMinMs (${raft.electionMinMs})`,
    ),
    ...rule(
      transport.reconnectMinMs <= transport.reconnectMaxMs,
      ["transport.reconnectMaxMs", "transport.reconnectMinMs"],
      `must be at least reconnectMinMs (${transport.reconnectMinMs})`,
    ),
  ];
}

function sizeRules({ raft, limits, transport, log }: ResolvedSettings): readonly CrossIssue[] {
  // Entries are at least a few bytes long, so a large maxAppendEntries is bounded by maxAppendBytes.
  const entries = Math.min(raft.maxAppendEntries, raft.maxAppendBytes);
  const append = raft.maxAppendBytes + entries * ENTRY_ROOM_BYTES + FRAME_ROOM_BYTES;
  return [
    ...rule(
      limits.maxValueBytes + limits.maxKeyBytes <= limits.maxBatchBytes,
      ["limits.maxBatchBytes", "limits.maxValueBytes", "limits.maxKeyBytes"],
      `must hold one key and value of the largest size (${limits.maxValueBytes + limits.maxKeyBytes})`,
    ),
    ...rule(
      limits.maxBatchBytes <= limits.maxPendingBytes,
      ["limits.maxPendingBytes", "limits.maxBatchBytes"],
      `must be at least maxBatchBytes (${limits.maxBatchBytes})`,
    ),
    ...rule(
      limits.maxBatchBytes + MIB <= transport.maxFrameBytes,
      ["transport.maxFrameBytes", "limits.maxBatchBytes"],
      `must be at least maxBatchBytes and 1 MiB (${limits.maxBatchBytes + MIB})`,
    ),
    ...rule(
      append <= transport.maxFrameBytes,
      ["transport.maxFrameBytes", "raft.maxAppendBytes", "raft.maxAppendEntries"],
      `must hold an AppendEntries of maxAppendEntries and maxAppendBytes (${append})`,
    ),
    ...rule(
      transport.maxFrameBytes <= MAX_BYTES,
      ["transport.maxFrameBytes"],
      "must be at most 1 GiB",
    ),
    ...rule(
      transport.maxFrameBytes <= transport.maxQueueBytes,
      ["transport.maxQueueBytes", "transport.maxFrameBytes"],
      `must be at least maxFrameBytes (${transport.maxFrameBytes})`,
    ),
    ...rule(
      raft.maxAppendBytes <= raft.maxInflightBytes,
      ["raft.maxInflightBytes", "raft.maxAppendBytes"],
      `must be at least maxAppendBytes (${raft.maxAppendBytes})`,
    ),
    ...rule(log.segmentBytes <= MAX_BYTES, ["log.segmentBytes"], "must be at most 1 GiB"),
  ];
}

function addressRules({ id, listen, advertise, cluster }: ResolvedSettings): readonly CrossIssue[] {
  const { members, join } = cluster;
  const others = members.filter((member) => join || members.length > 1 || member.id !== id);
  return [
    ...rule(
      listen !== "",
      ["listen", "id", "cluster.members"],
      "must be given, because cluster.members does not name this node",
    ),
    ...rule(
      advertise !== undefined || !isWildcard(listen),
      ["advertise", "listen"],
      `must be given, because others cannot dial (${listen})`,
    ),
    ...rule(
      advertise === undefined || !isWildcard(advertise),
      ["advertise"],
      "must name a host that others can dial",
    ),
    ...rule(
      !hasPortZero(advertise),
      ["advertise"],
      "must name the port at which others reach this node",
    ),
    ...others.flatMap((member) =>
      rule(
        !hasPortZero(member.address),
        ["cluster.members"],
        `address (${member.address}) of node (${member.id}) must name a port that others can reach`,
      ),
    ),
  ];
}

function memberRules({ id, cluster, replication }: ResolvedSettings): readonly CrossIssue[] {
  const { members, join } = cluster;
  const issues = [...duplicates(members, "id"), ...duplicates(members, "address")];
  // Who joins takes the configuration that there is.
  if (join) return issues;
  const factor = replication.replicationFactor;
  const path = "replication.replicationFactor";
  return [
    ...issues,
    ...rule(
      members.some((member) => member.id === id),
      ["cluster.members", "cluster.join", "id"],
      `must name this node (${id}), or set cluster.join to add it to a running cluster`,
    ),
    ...rule(factor <= MAX_VOTERS, [path], `must be at most ${MAX_VOTERS}: use more groups instead`),
    ...rule(factor % 2 === 1, [path], "must be odd: an even number survives no more failures"),
    ...rule(
      members.length === 0 || factor <= members.length,
      [path, "cluster.members"],
      `must not exceed the number of members (${members.length})`,
    ),
  ];
}

function duplicates(members: readonly InitialMember[], key: "id" | "address"): CrossIssue[] {
  const values = members.map((member) => member[key]);
  const repeated = new Set(values.filter((value, i) => values.indexOf(value) < i));
  return [...repeated].flatMap((value) =>
    rule(false, ["cluster.members"], `${key} (${value}) is given twice`),
  );
}

/** "Every interface" is a place to listen, not one to dial. */
function isWildcard(address: string): boolean {
  const host = readAddress(address)?.host;
  return host === "0.0.0.0" || host === "::";
}

/** Any free port: known only once it is bound. */
export function hasPortZero(address: string | undefined): boolean {
  return address !== undefined && readAddress(address)?.port === 0;
}
