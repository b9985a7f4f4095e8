import { Packr } from "msgpackr";
import type { NodeId } from "raft-ts-lite";
import { HoldfastError } from "../errors.ts";
import type { MemberRecord } from "../machine/state-machine.ts";
import type { StoreOperation } from "./entry-writes.ts";
import { memberKey } from "./store-keys.ts";

/** The members of a group, by id. */
export type Members = ReadonlyMap<NodeId, MemberRecord>;

// Plain maps: the bytes are hashed and compared between nodes, so they must not depend on what was packed before.
const packr = new Packr({ useRecords: false });

/** The store operations that turn the records of `before` into those of `after`, in order of id. */
export function memberChanges(before: Members, after: Members): StoreOperation[] {
  const ids = [...new Set([...before.keys(), ...after.keys()])].sort((a, b) => a - b);
  const changes: StoreOperation[] = [];
  for (const id of ids) {
    const member = after.get(id);
    if (member === undefined) changes.push({ type: "del", key: memberKey(id) });
    else if (before.get(id)?.address !== member.address) {
      const value = packr.pack({ address: member.address });
      changes.push({ type: "put", key: memberKey(id), value });
    }
  }
  return changes;
}

/** Throws `CORRUPT` when the record makes no sense. */
export function decodeMember(id: NodeId, record: Buffer): MemberRecord {
  let fields: unknown;
  try {
    fields = packr.unpack(record);
  } catch (cause) {
    throw damaged(id, cause);
  }
  if (typeof fields === "object" && fields !== null && "address" in fields) {
    const { address } = fields;
    if (typeof address === "string") return { address };
  }
  throw damaged(id, undefined);
}

function damaged(id: NodeId, cause: unknown): HoldfastError {
  return new HoldfastError("CORRUPT", `member record (${id}) of the store is damaged`, { cause });
}
