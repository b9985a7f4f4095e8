import type { MemberProcess } from "./member-process.ts";

const PAGE_ROWS = 2_000;

/** How one replica differs from what was acknowledged. Nothing in it: it does not. */
export interface Difference {
  readonly missing: readonly string[];
  readonly different: readonly string[];
  readonly unexpected: readonly string[];
}

/** Reads a replica's own copy from its first key to its last and compares it with what was acknowledged. */
export async function compare(
  member: Pick<MemberProcess, "page">,
  acknowledged: ReadonlyMap<string, string>,
): Promise<Difference> {
  const missing = new Set(acknowledged.keys());
  const different: string[] = [];
  const unexpected: string[] = [];
  for (let after = ""; ;) {
    const rows = await member.page(after, PAGE_ROWS);
    for (const [key, value] of rows) {
      if (!missing.delete(key)) unexpected.push(key);
      else if (acknowledged.get(key) !== value) different.push(key);
      after = key;
    }
    if (rows.length < PAGE_ROWS) return { missing: [...missing], different, unexpected };
  }
}
