// Uses one part of the platform, then stops talking. Nothing may keep the process alive.
import { join } from "node:path";
import type { NetworkError } from "../../src/errors.ts";
import { nodePlatform } from "../../src/node-platform.ts";

const [part = "", directory = ""] = process.argv.slice(2);
const { clock, disk, network } = nodePlatform();

async function useDisk(): Promise<void> {
  const file = await disk.open(join(directory, "log"), { create: true });
  await file.appendAndSync(0, [new Uint8Array(10)]);
  await file.sync();
}

async function useLock(): Promise<void> {
  await disk.lock(directory);
}

/** The promise of an append must keep the process alive until it settles, and not a moment longer. */
async function useLastAppend(): Promise<void> {
  const file = await disk.open(join(directory, "log"), { create: true });
  void file.appendAndSync(0, [new Uint8Array(4 << 20)]).then(() => {
    process.stdout.write("appended\n");
  });
}

async function useNetwork(): Promise<void> {
  const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (accepted) => {
    accepted.start({ data: () => undefined, drained: () => undefined, closed: () => undefined });
  });
  const connection = await network.connect(listener.address, { timeoutMs: 60_000 });
  await new Promise<void>((resolve) => {
    connection.start({
      data: () => undefined,
      drained: () => undefined,
      closed: () => {
        resolve();
      },
    });
    connection.end();
  });
  await listener.close();
}

async function useUnanswered(): Promise<void> {
  try {
    await network.connect({ host: "127.0.0.1", port: Number(directory) }, { timeoutMs: 40 });
  } catch (error) {
    process.stdout.write(`${(error as NetworkError).code}\n`);
  }
}

function useClock(): void {
  clock.setTimer(3_600_000, () => undefined);
  clock.setTimer(2 ** 40, () => undefined);
}

switch (part) {
  case "disk":
    await useDisk();
    break;
  case "closed disk":
    await useDisk();
    await disk.close();
    break;
  case "lock":
    await useLock();
    break;
  case "last append":
    await useLastAppend();
    break;
  case "network":
    await useNetwork();
    break;
  case "unanswered":
    await useUnanswered();
    break;
  case "clock":
    useClock();
    break;
  default:
    throw new Error(`unknown part ${part}`);
}
process.stdout.write("idle\n");
