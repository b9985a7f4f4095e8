import type { Address } from "@holdfast/platform";
import { HoldfastError } from "../errors.ts";

/** An IPv6 address in brackets, with its zone where it has one, or a name or IPv4 address; then the port. */
const ADDRESS = /^(?:\[([0-9a-fA-F.]*:[0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^:\s[\]]+)):(\d{1,5})$/;

/** Reads `host:port`; an IPv6 host stands in brackets. `undefined` when the text is neither. */
export function readAddress(text: string): Address | undefined {
  const match = ADDRESS.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

/** As {@link readAddress}, for an address that was checked before. Throws `ADDRESS`. */
export function parseAddress(text: string): Address {
  const address = readAddress(text);
  if (address !== undefined) return address;
  throw new HoldfastError("ADDRESS", `(${text}) is no address: write host:port or [host]:port`);
}

/** Writes an address as {@link parseAddress} reads it. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
