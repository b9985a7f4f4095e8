import { type Launch, MemberProcess, ProcessGone } from "./member-process.ts";
import type { Answer, MemberStatus, Request } from "./protocol.ts";

/** After a fault was taken back, its consequences may still come: a node stops itself a little later. */
const AFTERMATH_MS = 3_000;

/** Between two attempts to start a member again. */
const RESTART_PAUSE_MS = 500;

/** A member that ended although nothing was done to it. */
export interface Incident {
  readonly member: number;
  readonly reason: string;
}

/** What the owner of a {@link Supervisor} is told. */
export interface SupervisorEvents {
  incident(incident: Incident): void;
  /** The process with this id has ended. */
  ended(pid: number): void;
}

/** Keeps one member running as an operator would: starts it again when it ended, but not before the fault that ended it is over. */
export class Supervisor {
  readonly id: number;
  /** Why the process ended, each time that it did. */
  readonly ends: string[] = [];
  readonly #launch: Launch;
  readonly #events: SupervisorEvents;
  #process: MemberProcess | undefined;
  #faults = 0;
  #excusedUntil = -Infinity;
  #closing = false;
  #restart: NodeJS.Timeout | undefined;

  constructor(id: number, launch: Launch, events: SupervisorEvents) {
    this.id = id;
    this.#launch = launch;
    this.#events = events;
  }

  /** Whether clients reach an open node. A stopped process (SIGSTOP) looks open. */
  get isOpen(): boolean {
    return this.#process?.isOpen ?? false;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Resolves with whether the node is open. */
  start(): Promise<boolean> {
    if (this.#process !== undefined) return this.#process.opened();
    const started = new MemberProcess(this.#launch);
    this.#process = started;
    void started.ended.then((reason) => this.#ended(reason));
    return started.opened();
  }

  /** Something is about to be done to this member: it may end, and then stays down until {@link faultEnds}. */
  faultBegins(): void {
    this.#faults++;
  }

  /** The fault is over; a member that it ended is started again. */
  faultEnds(): void {
    this.#faults--;
    this.#excusedUntil = performance.now() + AFTERMATH_MS;
    if (this.#faults === 0 && this.#process === undefined) void this.start();
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.signal(signal);
  }

  /** Rejects with `ProcessGone` when there is no process, or it ends first. */
  ask(request: Request): Promise<Answer> {
    if (this.#process === undefined) return Promise.reject(new ProcessGone("no process"));
    return this.#process.ask(request);
  }

  /** `undefined`: the member does not answer within the time, or is not open. */
  async status(withinMs: number): Promise<MemberStatus | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), withinMs);
    });
    try {
      const answer = await Promise.race([this.ask({ type: "status" }), late]);
      return answer?.type === "status" ? answer.status : undefined;
    } catch {
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the process for good, as it stands; at once, so that it can be called while this program ends. */
  endNow(): void {
    this.#closing = true;
    clearTimeout(this.#restart);
    // A stopped process takes this signal, too.
    this.#process?.signal("SIGKILL");
    if (this.pid !== undefined) this.#events.ended(this.pid);
  }

  #ended(reason: string): void {
    if (this.pid !== undefined) this.#events.ended(this.pid);
    this.#process = undefined;
    this.ends.push(reason);
    if (this.#closing || this.#faults > 0) return;
    if (performance.now() > this.#excusedUntil) {
      this.#events.incident({ member: this.id, reason });
    }
    this.#restart = setTimeout(() => void this.start(), RESTART_PAUSE_MS);
  }
}
