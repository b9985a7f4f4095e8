/**
 * Why a history cannot be judged:
 *
 * - `SYNTAX`: a line that cannot be read;
 * - `FORMAT`: a file of no known format;
 * - `SEQUENCE`: an answer without a question, two open operations of one process, an answer of the wrong type;
 * - `MODEL`: an operation that the model does not have.
 */
export type HistoryErrorCode = "SYNTAX" | "FORMAT" | "SEQUENCE" | "MODEL";

/** Where a part of a history was read. */
export interface HistoryPlace {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
}

/** A history that cannot be judged. The message begins with `file:line`, where it was read from a file. */
export class HistoryError extends Error {
  override readonly name: string = "HistoryError";
  readonly code: HistoryErrorCode;
  readonly file: string | undefined;
  readonly line: number | undefined;

  constructor(code: HistoryErrorCode, problem: string, place?: HistoryPlace, cause?: unknown) {
    const where = place === undefined ? "" : `${place.file}:${place.line}: `;
    super(`${where}${problem}`, cause === undefined ? {} : { cause });
    this.code = code;
    this.file = place?.file;
    this.line = place?.line;
  }
}
