import { prng, type Random } from "@holdfast/platform";
import type { HistoryOperation, HistoryRecorder } from "@holdfast/testing/history";
import type { Sample } from "./availability.ts";
import type { ChaosMember } from "./cluster.ts";
import { OperationSource } from "./operation-source.ts";
import type { Answer, Outcome } from "./protocol.ts";

/** Clients for each member: each waits for its operation, so one that hangs stops no other. */
const CLIENTS_PER_MEMBER = 4;

/** From one operation of a client to its next, at least. */
const PACE_MS = 55;

/** A client that was disappointed asks another member so many times before it comes back. */
const AWAY = 15;

/** Who has no answer by then goes on; longer than a node takes to give up by itself. */
const DEADLINE_MS = 4_000;

/** Clients of every member, which record what they asked and what they were told. */
export class Workload {
  readonly samples: Sample[] = [];
  /** What a member refused to do for a reason that no node should have. */
  readonly refusals: string[] = [];
  readonly #members: readonly ChaosMember[];
  readonly #recorder: HistoryRecorder;
  readonly #source: OperationSource;
  readonly #random: Random;
  readonly #clients: Promise<void>[] = [];
  readonly #elapsed: () => number;
  #stopping = false;

  constructor(
    members: readonly ChaosMember[],
    recorder: HistoryRecorder,
    seed: number,
    elapsed: () => number,
  ) {
    this.#members = members;
    this.#recorder = recorder;
    this.#random = prng(seed);
    this.#source = new OperationSource(prng(BigInt(seed) + 1n));
    this.#elapsed = elapsed;
  }

  start(): void {
    for (let client = 0; client < this.#members.length * CLIENTS_PER_MEMBER; client++) {
      this.#clients.push(this.#run(client));
    }
  }

  /** Resolves when every client has come to the end of its last operation. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#clients);
  }

  async #run(client: number): Promise<void> {
    const home = client % this.#members.length;
    let at = home;
    let away = 0;
    await pause(this.#random.integer(0, PACE_MS));
    while (!this.#stopping) {
      const began = performance.now();
      const member = this.#members[at];
      const content = member?.supervisor.isOpen === true && (await this.#once(client, member));
      if (content) {
        away = Math.max(0, away - 1);
        if (away === 0) at = home;
      } else {
        at = this.#random.integer(0, this.#members.length);
        away = AWAY;
      }
      const rest = PACE_MS + this.#random.integer(-10, 10) - (performance.now() - began);
      await pause(Math.max(rest, 1));
    }
  }

  /** One operation; whether it was answered well. */
  async #once(client: number, { id, supervisor }: ChaosMember): Promise<boolean> {
    const beganMs = this.#elapsed();
    const operation = this.#source.next(beganMs);
    const call = this.#recorder.invoke(client, operation);
    const writes = operation.type !== "get" && operation.type !== "scan";
    const told = await this.#outcome(operation, supervisor.ask({ type: "operation", operation }));
    // A read without an answer changed nothing.
    const outcome: Outcome =
      told.type === "unknown" && !writes ? { type: "fail", reason: told.reason } : told;
    switch (outcome.type) {
      case "ok":
        this.#recorder.ok(call, outcome.result);
        break;
      case "fail":
        this.#recorder.fail(call, `member ${id}: ${outcome.reason}`);
        break;
      case "unknown":
        this.#recorder.unknown(call, `member ${id}: ${outcome.reason}`);
    }
    this.samples.push({ beganMs, endedMs: this.#elapsed(), outcome: outcome.type, writes });
    return outcome.type === "ok";
  }

  async #outcome(operation: HistoryOperation, asked: Promise<Answer>): Promise<Outcome> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), DEADLINE_MS);
    });
    try {
      const answer = await Promise.race([asked, late]);
      if (answer === "late") return { type: "unknown", reason: "no answer in time" };
      if (answer.type === "outcome") return answer.outcome;
      const reason = answer.type === "refused" ? answer.reason : "a strange answer";
      this.refusals.push(`${operation.type}: ${reason}`);
      return { type: "unknown", reason };
    } catch (error) {
      return { type: "unknown", reason: error instanceof Error ? error.message : String(error) };
    } finally {
      clearTimeout(timer);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
