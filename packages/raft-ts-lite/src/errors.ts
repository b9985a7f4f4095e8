/**
 * Why the core refused.
 *
 * - `PROPOSAL_DROPPED`: nothing was appended and nothing was sent; propose again once there is a leader with room.
 * - `CONF_CHANGE_REFUSED`: the change does not fit the configuration, or another one is not applied yet.
 * - `LOCAL_MESSAGE`: a message that only this node may make came from elsewhere; drop the connection.
 * - `PEER_NOT_FOUND`: a response of a node that is no member; it may be dropped.
 * - `INVALID_MESSAGE`: a message that no correct node sends; drop the connection.
 */
export type RaftErrorCode =
  | "PROPOSAL_DROPPED"
  | "CONF_CHANGE_REFUSED"
  | "LOCAL_MESSAGE"
  | "PEER_NOT_FOUND"
  | "INVALID_MESSAGE";

/** An expected failure of the core: the node goes on as if the call had not been made. */
export class RaftError extends Error {
  readonly code: RaftErrorCode;

  constructor(code: RaftErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "RaftError";
    this.code = code;
  }
}

/** A proposal that goes nowhere, and why. */
export function proposalDropped(reason: string): RaftError {
  return new RaftError("PROPOSAL_DROPPED", `proposal dropped: ${reason}`);
}

/**
 * - `COMPACTED`: the log starts later by now; what lies before is only in a snapshot.
 * - `UNAVAILABLE`: the entries exist and are being fetched; `entriesFetched` tells that they are there.
 * - `SNAPSHOT_UNAVAILABLE`: no snapshot can be had just now.
 */
export type StorageErrorCode = "COMPACTED" | "UNAVAILABLE" | "SNAPSHOT_UNAVAILABLE";

/** What a `LogStorage` throws. Anything else that it throws passes through the core and should stop the node. */
export class StorageError extends Error {
  readonly code: StorageErrorCode;

  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StorageError";
    this.code = code;
  }
}

/**
 * The state contradicts the algorithm: a bug, a disk that forgot, or two groups mixed up. The node must stop and must
 * not write anything more, since going on could lose what was acknowledged.
 */
export class InvariantError extends Error {
  constructor(message: string) {
    super(`broken invariant: ${message}`);
    this.name = "InvariantError";
  }
}

/** Stays on in production. Where building `message` costs on a hot path, test first and call {@link fail}. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) fail(message);
}

/** Ends what cannot go on. */
export function fail(message: string): never {
  throw new InvariantError(message);
}
