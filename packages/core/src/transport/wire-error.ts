/**
 * Why a connection was given up.
 *
 * - `OVERSIZED`: a frame announced more than the limit.
 * - `CHECKSUM`: a frame arrived damaged.
 * - `MALFORMED`: a frame or message whose shape is wrong.
 * - `UNEXPECTED`: a well-formed frame that has no place here, such as one before the welcome.
 * - `REFUSED`: the handshake ended with a refusal.
 * - `TIMEOUT`: the other side stayed silent.
 */
export type WireErrorCode =
  "OVERSIZED" | "CHECKSUM" | "MALFORMED" | "UNEXPECTED" | "REFUSED" | "TIMEOUT";

/** What a connection did wrong. Ends the connection, never the node; seen by people in the transport's statistics. */
export class WireError extends Error {
  override readonly name = "WireError";
  readonly code: WireErrorCode;
  constructor(code: WireErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Turns whatever a decoder threw into a {@link WireError}: to the connection all of it is bad input. */
export function asWireError(cause: unknown, what: string): WireError {
  if (cause instanceof WireError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new WireError("MALFORMED", `${what}: ${why}`, { cause });
}
