/**
 * Recorded client histories, and whether they are linearizable.
 *
 * @packageDocumentation
 */
export type {
  HistoryChange,
  HistoryEvent,
  HistoryOperation,
  HistoryResult,
  HistoryRevision,
} from "./history/history.ts";
export { HistoryRecorder, type HistoryRecorderOptions } from "./history/recorder.ts";
