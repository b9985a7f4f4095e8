import { DiskError, type Disk } from "@holdfast/platform";
import type { z } from "zod";
import { HoldfastError } from "../errors.ts";
import { decodeSmallFile, encodeSmallFile } from "../format/small-file.ts";

/** Reads one of the small files of a data directory; `undefined` when there is none. Throws `CORRUPT` or `UNSUPPORTED`. */
export async function readStateFile<T>(
  disk: Pick<Disk, "readFile">,
  path: string,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  let content: Uint8Array;
  try {
    content = await disk.readFile(path);
  } catch (error) {
    if (error instanceof DiskError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
  const parsed = schema.safeParse(decodeSmallFile(path, content));
  if (parsed.success) return parsed.data;
  throw new HoldfastError("CORRUPT", `${path} has another shape; restore the file from a copy`, {
    cause: parsed.error,
  });
}

/** Replaces the file atomically and durably. */
export async function writeStateFile(
  disk: Pick<Disk, "writeFileAtomic">,
  path: string,
  fields: Readonly<Record<string, unknown>>,
): Promise<void> {
  await disk.writeFileAtomic(path, encodeSmallFile(fields));
}
