import type { Address } from "@holdfast/platform";
import { HoldfastError } from "../errors.ts";

/** Reads `host:port`; an IPv6 host stands in brackets. Throws `ADDRESS`. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new HoldfastError("ADDRESS", `(${text}) is no address: write host:port or [host]:port`);
  }
  return { host, port };
}

/** Writes an address as {@link parseAddress} reads it. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
