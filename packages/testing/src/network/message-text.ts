import type { Message } from "raft-ts-lite";

/** What a frame of Raft messages says, for people. */
export function messagesText(messages: readonly Message[]): string {
  return messages.map(messageText).join("; ");
}

function messageText(message: Message): string {
  const { type } = message;
  const head = message.term === 0 ? type : `${type} term ${message.term}`;
  switch (type) {
    case "AppendEntries": {
      const { logTerm, index, commit, entries } = message;
      return `${head} prev ${at(logTerm, index)}${range(entries)} commit ${commit}`;
    }
    case "AppendEntriesResponse":
      return message.reject
        ? `${head} rejects ${message.index}, hint ${at(message.logTerm, message.rejectHint)}`
        : `${head} has ${message.index}`;
    case "RequestVote":
    case "PreVote": {
      const transfer = message.transfer ? " (transfer)" : "";
      return `${head} last ${at(message.logTerm, message.index)}${transfer}`;
    }
    case "RequestVoteResponse":
    case "PreVoteResponse":
      return `${head} ${message.reject ? "rejects" : "grants"}`;
    case "InstallSnapshot": {
      const { term, index } = message.snapshot.metadata;
      return `${head} at ${at(term, index)}`;
    }
    case "Heartbeat":
      return `${head} commit ${message.commit}${token(message.readToken)}`;
    case "HeartbeatResponse":
    case "ReadIndex":
      return `${head}${token(message.readToken)}`;
    case "ReadIndexResponse":
      return `${head} index ${message.index}${token(message.readToken)}`;
    case "Propose":
      return `${head} ${message.entries.length} entries`;
    case "TransferLeader":
      return `${head} to ${message.from}`;
    // Those below never leave their node.
    case "TimeoutNow":
    case "Campaign":
    case "Beat":
    case "CheckQuorum":
    case "Unreachable":
    case "SnapshotStatus":
    case "ForgetLeader":
    case "StorageAppend":
    case "StorageAppendResponse":
    case "StorageApply":
    case "StorageApplyResponse":
      return head;
  }
}

function at(term: number, index: number): string {
  return `(${index},${term})`;
}

function range(entries: readonly { readonly index: number }[]): string {
  const first = entries[0]?.index;
  const last = entries.at(-1)?.index;
  if (first === undefined || last === undefined) return "";
  return first === last ? ` entry ${first}` : ` entries ${first}..${last}`;
}

function token(readToken: string): string {
  return readToken === "" ? "" : ` read ${readToken}`;
}
