import type { StoreEngine } from "@holdfast/core";
import { type Command, type StateMachine, stateMachineSuite } from "@holdfast/core/conformance";
import { afterAll, describe, it } from "vitest";
import { machineFixture } from "../../../core/test/kv/machine-fixture.ts";
import { SimulatedDisk } from "../../src/disk/simulated-disk.ts";
import { SimulatedStores } from "../../src/store/simulated-stores.ts";
import { Pump } from "../disk/pump.ts";

describe("the key-value machine over a simulated store", () => {
  const pump = new Pump(1);
  const { world } = pump;
  const process = pump.newProcess();
  const disk = new SimulatedDisk({ world, random: world.random("disk"), host: 1 }).mount(process);
  const engine = new SimulatedStores({ world, random: world.random("stores"), host: 1 }).engine(
    process,
  );
  /** The fixture is that of LevelDB: only the disk differs. */
  const onSimulatedDisk: StoreEngine = {
    open: (context) => engine.open({ ...context, platform: { ...context.platform, disk } }),
  };
  const fixture = machineFixture();
  afterAll(() => fixture.dispose());
  let locations = 0;
  stateMachineSuite({
    test: (name, body) => {
      it(name, () => pump.run(body()));
    },
    location: async () => {
      locations += 1;
      const location = `/data/store-${locations}`;
      await disk.createDirectory(location);
      return location;
    },
    open: (location, lostUnsynced) =>
      fixture.open({ location, lostUnsynced, engine: onSimulatedDisk }),
    command: (number) => {
      const key = Buffer.from(`key-${number % 17}`);
      return number % 7 === 0 ? deletion(key) : put(key, Buffer.alloc(100 + number, `${number} `));
    },
    contents,
  });
});

/** docs/formats.md, section 5. */
function put(key: Buffer, value: Buffer): Command {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(key.length);
  return { kind: 0x40, body: Buffer.concat([length, key, value]) };
}

function deletion(key: Buffer): Command {
  return { kind: 0x41, body: key };
}

/** Every key with its value and header, as a snapshot carries them. */
async function contents(machine: StateMachine): Promise<Buffer> {
  const snapshot = await machine.snapshot();
  const chunks: Uint8Array[] = [];
  for await (const chunk of snapshot.chunks(1024 * 1024)) chunks.push(chunk);
  await snapshot.close();
  return Buffer.concat(chunks);
}
