import type { SimulatedProcess } from "../world/process.ts";
import type { SimulatedConnection } from "./simulated-connection.ts";

/** A host as the network knows it. */
export interface NetworkHost {
  readonly id: number;
  /** It has power: its kernel answers, even when no process listens. */
  up: boolean;
  /** By port. */
  readonly listeners: Map<number, HostListener>;
  /** The last port that the host gave out itself. */
  lastPort: number;
}

/** A bound port. */
export interface HostListener {
  readonly attachment: Attachment;
  /** Makes a connection with the dialler, whose name is `remote`; returns the dialler's end. */
  readonly accept: (dialler: Attachment, remote: string) => SimulatedConnection;
}

/** One life of a process on a host. */
export class Attachment {
  readonly host: NetworkHost;
  readonly process: SimulatedProcess;
  #soon: (() => void)[] = [];

  constructor(host: NetworkHost, process: SimulatedProcess) {
    this.host = host;
    this.process = process;
  }

  get hostIsUp(): boolean {
    return this.host.up;
  }

  /** Calls into the process after what runs now. What comes together is one event: thousands of them decide how long a simulation takes. */
  soon(callback: () => void): void {
    this.#soon.push(callback);
    if (this.#soon.length > 1) return;
    this.process.after(0, () => {
      const due = this.#soon;
      this.#soon = [];
      for (const call of due) call();
    });
  }
}
