/**
 * Conformance suites: what a node relies on, as tests that an implementation of a contract runs in two lines. For the state machine of an
 * embedder, for storages of the algorithm's log, and for networks under the transport.
 *
 * @packageDocumentation
 */
export type { Command } from "./format/sealed-batch.ts";
export type {
  AppliedState,
  CommandResult,
  CommittedEntry,
  MachineSnapshot,
  MemberRecord,
  StateMachine,
} from "./machine/state-machine.ts";
export {
  type LogStorageSuiteOptions,
  logStorageSuite,
  type LogStorageUnderTest,
} from "./conformance/log-storage-suite.ts";
export {
  stateMachineSuite,
  type StateMachineSuiteOptions,
} from "./conformance/state-machine-suite.ts";
export type { TestRunner } from "./conformance/test-runner.ts";
export {
  type TransportMember,
  transportSuite,
  type TransportSuiteOptions,
  type TransportWorld,
} from "./conformance/transport-suite.ts";
