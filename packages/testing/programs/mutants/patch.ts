/** What a patch does to one file: each hunk replaces the text `before`, context included, by `after`. */
export interface FileChange {
  /** From the top of the repository. */
  readonly file: string;
  readonly hunks: readonly { readonly before: string; readonly after: string }[];
}

/** A unified diff, and the lines in front of it. */
export interface Patch {
  readonly head: readonly string[];
  readonly changes: readonly FileChange[];
}

/** Reads a unified diff. Line numbers are not used: the context says where a hunk belongs. */
export function parsePatch(text: string): Patch {
  const head: string[] = [];
  const changes: { file: string; hunks: { before: string; after: string }[] }[] = [];
  for (const line of text.replace(/\n$/, "").split("\n")) {
    const hunks = changes.at(-1)?.hunks;
    const hunk = hunks?.at(-1);
    const file = /^\+\+\+ b\/(.+)$/.exec(line)?.[1];
    if (/^--- a\//.test(line)) continue;
    if (file !== undefined) changes.push({ file, hunks: [] });
    else if (hunks === undefined) head.push(line);
    else if (line.startsWith("@@ ")) hunks.push({ before: "", after: "" });
    else if (hunk === undefined) throw new Error(`line outside a hunk (${line})`);
    else {
      // An empty line of context may have lost its blank.
      const [sign, rest] = line === "" ? [" ", ""] : [line.charAt(0), line.slice(1)];
      if (!" +-".includes(sign)) throw new Error(`line that is no diff (${line})`);
      if (sign !== "+") hunk.before += `${rest}\n`;
      if (sign !== "-") hunk.after += `${rest}\n`;
    }
  }
  return { head, changes };
}

/**
 * Applies a change. Each hunk must fit in exactly one place: where the code has changed so much that it fits nowhere, or in
 * several places, the patch has to be looked at again.
 */
export function applyChange(source: string, { file, hunks }: FileChange): string {
  let text = source;
  for (const { before, after } of hunks) {
    const at = placeOf(text, before);
    if (at === -1) throw new Error(`hunk does not fit ${file}:\n${before}`);
    if (placeOf(text, before, at + 1) !== -1) {
      throw new Error(`hunk fits ${file} in several places:\n${before}`);
    }
    text = text.slice(0, at) + after + text.slice(at + before.length);
  }
  return text;
}

/** Where `lines` are in `text` as whole lines; -1 where they are not. */
function placeOf(text: string, lines: string, from = 0): number {
  let at = text.indexOf(lines, from);
  while (at > 0 && text[at - 1] !== "\n") at = text.indexOf(lines, at + 1);
  return at;
}
