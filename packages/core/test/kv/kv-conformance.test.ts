import { afterAll, describe, test } from "vitest";
import { stateMachineSuite } from "../../src/conformance.ts";
import { clearCommand, deleteCommand, putCommand } from "../../src/kv/kv-commands.ts";
import type { StateMachine } from "../../src/machine/state-machine.ts";
import { machineFixture } from "./machine-fixture.ts";

const fixture = machineFixture();
afterAll(() => fixture.dispose());

describe("KvMachine is a state machine", () => {
  stateMachineSuite({
    test,
    location: () => fixture.location(),
    open: (location, lostUnsynced) => fixture.open({ location, lostUnsynced }),
    command: (number) => {
      const key = Buffer.from(`key-${number % 17}`);
      if (number % 11 === 0) return clearCommand({ gte: key, limit: 2 });
      if (number % 7 === 0) return deleteCommand(key);
      return putCommand(key, Buffer.alloc(100 + number, `${number} `));
    },
    contents,
  });
});

/** Every key with its value and header, as a snapshot carries them. */
async function contents(machine: StateMachine): Promise<Buffer> {
  const snapshot = await machine.snapshot();
  const chunks: Uint8Array[] = [];
  for await (const chunk of snapshot.chunks(1024 * 1024)) chunks.push(chunk);
  await snapshot.close();
  return Buffer.concat(chunks);
}
