/** The address of a simulated host. */
export function hostName(host: number): string {
  return `10.0.0.${host}`;
}

/** The host with this address; `undefined` when it is none of ours. */
export function hostOf(name: string): number | undefined {
  const match = /^10\.0\.0\.(\d{1,9})$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** Whether a port can be bound (0: any free one) or dialled. */
export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 0 && port <= 65_535;
}
