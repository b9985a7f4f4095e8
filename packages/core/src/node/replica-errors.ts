import { RaftError, type RaftErrorCode } from "raft-ts-lite";
import { HoldfastError } from "../errors.ts";

/** Whether the core refused for exactly this reason. */
export function isRaftError(error: unknown, code: RaftErrorCode): boolean {
  return error instanceof RaftError && error.code === code;
}

export function changeOverdue(): HoldfastError {
  return new HoldfastError(
    "UNKNOWN",
    "the change of members was not applied before the deadline; look at members.list() before repeating it",
  );
}

export function refusal(error: unknown): string {
  return `the change of members was refused: ${messageOf(error)}`;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
