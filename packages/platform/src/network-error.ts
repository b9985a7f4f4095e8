import { NetworkError } from "./errors.ts";
import type { NetworkErrorCode } from "./network.ts";

function codeOf(cause: unknown, otherwise: NetworkErrorCode): NetworkErrorCode {
  if (typeof cause !== "object" || cause === null || !("code" in cause)) return otherwise;
  switch (cause.code) {
    case "EADDRINUSE":
      return "ADDRESS_IN_USE";
    case "EADDRNOTAVAIL":
    case "EACCES":
    case "EAFNOSUPPORT":
    case "EAI_AGAIN":
    case "EINVAL":
    case "ENOTFOUND":
    case "ERR_SOCKET_BAD_PORT":
      return "ADDRESS_INVALID";
    case "ETIMEDOUT":
      return "TIMEOUT";
    default:
      return otherwise;
  }
}

function reasonOf(cause: unknown): string {
  // One error per address of a name; the aggregate itself says nothing.
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join("; ");
  return cause instanceof Error ? cause.message : String(cause);
}

/** The system's error as a {@link NetworkError}, with `otherwise` for what the system may say in many ways. */
export function toNetworkError(
  cause: unknown,
  what: string,
  otherwise: NetworkErrorCode,
): NetworkError {
  return new NetworkError(codeOf(cause, otherwise), `${what} (${reasonOf(cause)})`, { cause });
}
