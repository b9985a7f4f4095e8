/**
 * Recorded client histories, and whether they are linearizable.
 *
 * @packageDocumentation
 */
export type {
  ForeignOperation,
  HistoryChange,
  HistoryEvent,
  HistoryOperation,
  HistoryResult,
  HistoryRevision,
} from "./history/history.ts";
export { HistoryRecorder, type HistoryRecorderOptions } from "./history/recorder.ts";
export {
  type CheckHistoryOptions,
  checkHistory,
  type HistoryModel,
  type HistoryVerdict,
  type HistoryWindow,
} from "./checker/check-history.ts";
export type { HistoryFormat, ParsedHistory } from "./history/event-builder.ts";
export { HistoryError, type HistoryErrorCode, type HistoryPlace } from "./history/history-error.ts";
export { formatHistory } from "./history/own-format.ts";
export { parseHistory } from "./history/parse-history.ts";
