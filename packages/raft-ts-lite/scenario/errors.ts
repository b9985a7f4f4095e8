import { RaftError, StorageError } from "../src/errors.ts";

/** A command that the environment refuses; the message is what it writes. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** What the recordings write for an error. Anything unexpected is thrown on: it must not pass for a refusal. */
export function errorText(error: unknown): string {
  if (error instanceof CommandError) return error.message;
  if (error instanceof RaftError) {
    switch (error.code) {
      case "PROPOSAL_DROPPED":
        return "raft proposal dropped";
      case "PEER_NOT_FOUND":
        return "raft: cannot step as peer not found";
      case "LOCAL_MESSAGE":
        return "raft: cannot step raft local message";
      case "CONF_CHANGE_REFUSED":
      case "INVALID_MESSAGE":
        return `${error.code}: ${error.message}`;
    }
  }
  if (error instanceof StorageError && error.code === "COMPACTED") {
    return "requested index is unavailable due to compaction";
  }
  throw error;
}
