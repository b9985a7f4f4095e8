import type { Message } from "raft-ts-lite";
import { assert } from "../errors.ts";

/**
 * Puts requests for votes behind the write that comes with them. Such a request names the end of the log, of which a part may still be on its way to the
 * disk, and a term. Sent before, it could outlive them: a candidate that forgot both in a crash would ask again in the same term with a
 * shorter log, and could count a vote that was given to the longer one.
 */
export function holdVoteRequests(messages: readonly Message[]): readonly Message[] {
  const requests = messages.filter(({ type }) => type === "RequestVote");
  if (requests.length === 0) return messages;
  const held = messages.flatMap((message): readonly Message[] => {
    if (message.type === "RequestVote") return [];
    if (message.type !== "StorageAppend") return [message];
    return [{ ...message, responses: [...message.responses, ...requests] }];
  });
  assert(
    held.some(({ type }) => type === "StorageAppend"),
    "a request for votes without a write of its term",
  );
  return held;
}
