import { afterEach } from "vitest";
import { LevelDatabase } from "../../src/database/level-database.ts";
import { machineFixture } from "../kv/machine-fixture.ts";
import { MachinePort } from "./machine-port.ts";

export interface OpenDatabase {
  readonly db: LevelDatabase;
  readonly port: MachinePort;
}

/** Registers the cleaning up and returns what opens a database over a port of its own. */
export function databaseFixture(): () => Promise<OpenDatabase> {
  const disposals: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const dispose of disposals.splice(0)) await dispose();
  });
  return async () => {
    const fixture = machineFixture();
    const port = new MachinePort(fixture);
    const db = new LevelDatabase(port);
    disposals.push(async () => {
      port.catchUp();
      await db.close();
      await fixture.dispose();
    });
    await db.open();
    return { db, port };
  };
}

/** A promise that the test settles. */
export interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

export function deferred(): Deferred {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
