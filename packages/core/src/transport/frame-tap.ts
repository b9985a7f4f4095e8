import type { Message, NodeId } from "raft-ts-lite";
import { asBuffer } from "../format/bytes.ts";
import { FRAME_HEAD_BYTES, FRAME_KIND, type Frame, FrameDecoder } from "./frame.ts";
import { decodeHello } from "./handshake.ts";
import { readMessages } from "./message-decoder.ts";
import { WireError } from "./wire-error.ts";

/** What a frame is for; docs/formats.md, section 6. */
export type FrameKind =
  | "hello"
  | "welcome"
  | "refused"
  | "messages"
  | "snapshotBegin"
  | "snapshotChunk"
  | "snapshotManifest"
  | "snapshotAnswer";

/** A frame on its way from one node to another. */
export interface TappedFrame {
  readonly kind: FrameKind;
  /** The group that it belongs to; 0 for those of the connection itself. */
  readonly group: number;
  /** The whole frame, its head included; a view into what was pushed where it came in one piece. */
  readonly bytes: Uint8Array;
  /** In `messages` frames, what the sender wants the receiver to step; empty in all others. */
  readonly messages: readonly Message[];
  /** In `hello` and `welcome` frames, who the sender says it is. */
  readonly from?: NodeId;
}

const NO_MESSAGES: readonly Message[] = [];
const KINDS: ReadonlyMap<number, FrameKind> = new Map(
  kindNames(FRAME_KIND).map((name) => [FRAME_KIND[name], name]),
);

/** Cuts what one side of a connection sends into frames and reads them, as the receiving node does. For simulators and proxies. */
export class FrameTap {
  // Limits protect nodes, and are settings of theirs; whoever listens in must follow whatever they agree on.
  readonly #decoder = new FrameDecoder(0xffff_ffff);

  /**
   * Takes the next bytes of that side, in pieces of any size, and returns the frames that they complete. Throws on bytes that are no
   * frames; after that this connection can be followed no further.
   */
  push(bytes: Uint8Array): readonly TappedFrame[] {
    this.#decoder.push(asBuffer(bytes));
    const tapped: TappedFrame[] = [];
    for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
      tapped.push(read(frame));
    }
    return tapped;
  }
}

function read({ kind: code, group, body }: Frame): TappedFrame {
  const kind = KINDS.get(code);
  if (kind === undefined) throw new WireError("MALFORMED", `frame of unknown kind (${code})`);
  // A decoded body always lies behind its head.
  const head = body.byteOffset - FRAME_HEAD_BYTES;
  const bytes = new Uint8Array(body.buffer, head, FRAME_HEAD_BYTES + body.length);
  const frame = { kind, group, bytes };
  switch (kind) {
    case "hello":
    case "welcome":
      return { ...frame, messages: NO_MESSAGES, from: decodeHello(body).nodeId };
    case "messages":
      return { ...frame, messages: readMessages(body) };
    case "refused":
    case "snapshotBegin":
    case "snapshotChunk":
    case "snapshotManifest":
    case "snapshotAnswer":
      return { ...frame, messages: NO_MESSAGES };
  }
}

/** A compiler error here: a kind of frame was added, and its name is missing above. */
function kindNames(kinds: Readonly<Record<FrameKind, number>>): readonly FrameKind[] {
  return Object.keys(kinds) as FrameKind[];
}
