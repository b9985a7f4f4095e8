import { Packr, Unpackr } from "msgpackr";
import type { NodeId } from "raft-ts-lite";
import { z } from "zod";
import { asWireError, WireError } from "./wire-error.ts";

/** Versions of the protocol that this software speaks. */
export const PROTOCOL: ProtocolRange = { lowest: 1, highest: 1 };

/** Recognises a stranger at once; docs/formats.md, section 6. */
const MAGIC = Buffer.from("HOLDFAST");

/** Above every node id: the two highest numbers address parts of the node itself. */
const MAX_NODE_ID = Number.MAX_SAFE_INTEGER - 2;

/** Protocol versions that a side speaks, ends included. */
export interface ProtocolRange {
  readonly lowest: number;
  readonly highest: number;
}

/** How one side introduces itself: the dialler's hello and, in the same form, the listener's welcome. */
export interface Hello {
  readonly protocol: ProtocolRange;
  /**
   * What the connection is for, decided before anything else is read: `peer`, `snapshot`, `client` or `admin` today. Kept as
   * sent, since a newer version may know roles that this one does not.
   */
  readonly role: string;
  readonly clusterId: Uint8Array;
  readonly nodeId: NodeId;
  /** Drawn once per data directory: a wiped disk is another incarnation. */
  readonly incarnation: number;
  /** Lost appended entries, and so must not vote yet. */
  readonly amnesiac: boolean;
  readonly features: readonly string[];
  /** Where the sender listens, as `host:port`. */
  readonly address: string;
}

/**
 * Why a hello was refused.
 *
 * - `CLUSTER_MISMATCH`: one of the two belongs to another cluster.
 * - `NODE_MISMATCH`: the node dialled is not the one that was meant, or is the dialler itself.
 * - `INCARNATION_MISMATCH`: the node id is known under another incarnation: its disk was wiped, or two processes use it.
 * - `REMOVED`: the node was removed from the cluster; its id never returns.
 * - `PROTOCOL`: no common protocol version.
 * - `ROLE`: the role is not available here.
 */
export type RefusalCode =
  "CLUSTER_MISMATCH" | "NODE_MISMATCH" | "INCARNATION_MISMATCH" | "REMOVED" | "PROTOCOL" | "ROLE";

/** A listener's no: the code for programs and a sentence for people. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly message: string;
}

/** Who a side is: what it compares with the other's introduction. */
export interface Identity {
  readonly clusterId: Uint8Array;
  readonly nodeId: NodeId;
  readonly incarnation: number;
}

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

// Names of fields that are not known are ignored: later versions add some, and say so in their features.
const helloSchema = z.object({
  protocol: z.tuple([z.int().min(1), z.int().min(1)]),
  role: z.string().max(32),
  clusterId: z.instanceof(Uint8Array).refine((id) => id.length === 16),
  nodeId: z.int().min(1).max(MAX_NODE_ID),
  incarnation: z.int().min(0),
  amnesiac: z.boolean(),
  features: z.array(z.string().max(64)).max(64),
  address: z.string().max(512),
});

const refusalSchema = z.object({
  code: z.enum([
    "CLUSTER_MISMATCH",
    "NODE_MISMATCH",
    "INCARNATION_MISMATCH",
    "REMOVED",
    "PROTOCOL",
    "ROLE",
  ]),
  message: z.string().max(1024),
});

/** The body of a hello or welcome. */
export function encodeHello(hello: Hello): Uint8Array {
  const { lowest, highest } = hello.protocol;
  return introduce({ ...hello, protocol: [lowest, highest] });
}

/** Reads a hello or welcome. Throws {@link WireError} `MALFORMED`. */
export function decodeHello(body: Uint8Array): Hello {
  const { protocol, ...rest } = read(body, helloSchema, "hello");
  // Copied: the rest of the frame must not live as long as what the node remembers of its peers.
  const clusterId = Uint8Array.from(rest.clusterId);
  return { ...rest, clusterId, protocol: { lowest: protocol[0], highest: protocol[1] } };
}

/** The body of a refusal. */
export function encodeRefusal(refusal: Refusal): Uint8Array {
  return introduce(refusal);
}

/** Reads a refusal. Throws {@link WireError} `MALFORMED`, also for a code that is not known. */
export function decodeRefusal(body: Uint8Array): Refusal {
  return read(body, refusalSchema, "refusal");
}

/** The highest version that both speak. */
export function commonProtocol(a: ProtocolRange, b: ProtocolRange): number | undefined {
  const highest = Math.min(a.highest, b.highest);
  return highest >= Math.max(a.lowest, b.lowest) ? highest : undefined;
}

/** The listener's own reasons to refuse a hello; the node's (pins, removed ids) come after these. */
export function judgeHello(hello: Hello, self: Identity): Refusal | undefined {
  if (commonProtocol(hello.protocol, PROTOCOL) === undefined) {
    return protocolRefusal(hello.protocol, PROTOCOL);
  }
  if (hello.role !== "peer" && hello.role !== "snapshot") {
    const message = `role (${hello.role}) is not available in this version`;
    return { code: "ROLE", message };
  }
  if (!sameBytes(hello.clusterId, self.clusterId)) {
    const message = `node (${hello.nodeId}) belongs to another cluster: check the cluster names of both and the address it dialled`;
    return { code: "CLUSTER_MISMATCH", message };
  }
  if (hello.nodeId === self.nodeId) {
    const message = `this is node (${self.nodeId}) itself: two processes use one node id, or a peer has this node's address`;
    return { code: "NODE_MISMATCH", message };
  }
  return undefined;
}

/** The dialler's reasons not to speak to whoever answered in place of `expected`. */
export function judgeWelcome(
  welcome: Hello,
  self: Identity,
  expected: NodeId,
): Refusal | undefined {
  if (commonProtocol(welcome.protocol, PROTOCOL) === undefined) {
    return protocolRefusal(welcome.protocol, PROTOCOL);
  }
  if (!sameBytes(welcome.clusterId, self.clusterId)) {
    return { code: "CLUSTER_MISMATCH", message: "whoever answers belongs to another cluster" };
  }
  if (welcome.nodeId !== expected) {
    const message = `node (${welcome.nodeId}) answers where node (${expected}) was expected`;
    return { code: "NODE_MISMATCH", message };
  }
  return undefined;
}

function protocolRefusal(theirs: ProtocolRange, ours: ProtocolRange): Refusal {
  const message =
    `protocol versions (${theirs.lowest} to ${theirs.highest}) have none in common with` +
    ` (${ours.lowest} to ${ours.highest}): upgrade the older node`;
  return { code: "PROTOCOL", message };
}

function introduce(fields: object): Uint8Array {
  return Buffer.concat([MAGIC, packr.pack(fields)]);
}

function read<T>(body: Uint8Array, schema: z.ZodType<T>, what: string): T {
  if (!sameBytes(body.subarray(0, MAGIC.length), MAGIC)) {
    throw new WireError("MALFORMED", `${what}: does not begin with HOLDFAST`);
  }
  let fields: unknown;
  try {
    fields = unpackr.unpack(body.subarray(MAGIC.length));
  } catch (cause) {
    throw asWireError(cause, what);
  }
  const parsed = schema.safeParse(fields);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map(({ path }) => path.join(".") || "(all of it)");
  throw new WireError("MALFORMED", `${what}: wrong at ${where.join(", ")}`);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
