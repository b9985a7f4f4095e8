import { afterAll } from "vitest";
import { LevelDatabase } from "../../src/database/level-database.ts";
import { machineFixture } from "../kv/machine-fixture.ts";
import { runAbstractLevelSuite } from "./abstract-level-suite.ts";
import { MachinePort } from "./machine-port.ts";

// The state machine alone, without a log and without Raft: what fails here is wrong in the database itself.
const fixture = machineFixture();
afterAll(() => fixture.dispose());

runAbstractLevelSuite("abstract-level suite over the state machine", (options) => {
  return new LevelDatabase<unknown, unknown>(new MachinePort(fixture), options);
});
