/** One `appendAndSync` on its way to the worker. `file` numbers the open file: descriptors are reused, these are not. */
export interface AppendJob {
  readonly file: number;
  readonly fd: number;
  readonly position: number;
  /** Where the bytes begin, in the shared ring or in `data`. */
  readonly at: number;
  readonly length: number;
  /** The bytes themselves when the ring had no place for them. */
  readonly data?: Uint8Array;
}

/** Nothing more will come for this file. */
export interface ForgetFile {
  readonly forget: number;
}

/** The next `count` jobs, in the order in which they were posted, failed like this. */
export interface AppendFailure {
  readonly count: number;
  readonly error: Error;
}

/** What the worker answers: how many jobs, the next ones in the order of posting, succeeded, or how they failed. */
export type AppendOutcome = number | AppendFailure;

/**
 * The program of the worker thread, as text: it survives bundlers and test runners, which rewrite modules, and it starts without
 * loading anything but Node itself.
 *
 * Jobs that wait for the same file are written one after the other and share one fdatasync. That costs the first of them a little
 * and spares the others a whole turn of the disk; a group is bounded in bytes, so that the first one cannot wait for long.
 * After a failure nothing is written to that file any more: the system reports a failed fsync once, and the next would succeed
 * although the data is gone.
 */
export const APPEND_WORKER_SOURCE = `"use strict";
const { fdatasyncSync, writeSync } = require("node:fs");
const { parentPort, receiveMessageOnPort, workerData } = require("node:worker_threads");

const MAX_GROUP_BYTES = 4 * 1024 * 1024;
const ring = new Uint8Array(workerData);
const failures = new Map();

function next() {
  const received = receiveMessageOnPort(parentPort);
  return received === undefined ? undefined : received.message;
}

function write({ fd, position, at, length, data = ring }) {
  let done = 0;
  while (done < length) {
    const count = writeSync(fd, data, at + done, length - done, position + done);
    if (count === 0) throw new Error("the device accepts no more bytes");
    done += count;
  }
}

function answer(count, error) {
  if (count > 0) parentPort.postMessage(error === undefined ? count : { count, error: portable(error) });
}

// Error properties such as code do not survive a structured clone of the error itself.
function portable(error) {
  return { message: error.message, code: error.code, errno: error.errno, syscall: error.syscall };
}

// Carries out job and what waits behind it for the same file; returns the first message that was not part of it.
function runGroup(job) {
  const { file, fd } = job;
  let written = 0;
  let refused = 0;
  let bytes = 0;
  let message = job;
  do {
    if (!failures.has(file)) {
      try {
        write(message);
      } catch (error) {
        failures.set(file, error);
      }
    }
    if (failures.has(file)) refused += 1;
    else written += 1;
    bytes += message.length;
    message = next();
  } while (message !== undefined && message.file === file && bytes < MAX_GROUP_BYTES);
  let syncError;
  if (written > 0) {
    try {
      fdatasyncSync(fd);
    } catch (error) {
      syncError = error;
      failures.set(file, error);
    }
  }
  answer(written, syncError);
  answer(refused, failures.get(file));
  return message;
}

parentPort.on("message", (first) => {
  let message = first;
  while (message !== undefined) {
    if (message.forget === undefined) {
      message = runGroup(message);
    } else {
      failures.delete(message.forget);
      message = next();
    }
  }
});
`;
