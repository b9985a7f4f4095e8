import type { Store } from "@holdfast/core";
import { nodePlatform, type Platform, type Random } from "@holdfast/platform";
import { SimulatedDisk } from "../../src/disk/simulated-disk.ts";
import { SimulatedStores } from "../../src/store/simulated-stores.ts";
import type { HostProcess } from "../../src/world/host-process.ts";
import { Pump } from "../disk/pump.ts";

/** The disk and the stores of a host whose processes come and go. */
export class StoresUnderTest {
  readonly random: Random;
  readonly stores: SimulatedStores;
  readonly #pump: Pump;
  readonly #disk: SimulatedDisk;
  #process: HostProcess;
  platform: Platform;

  constructor(seed: number) {
    this.#pump = new Pump(seed);
    const { world } = this.#pump;
    this.random = world.random("test");
    this.#disk = new SimulatedDisk({ world, random: world.random("disk"), host: 1 });
    this.stores = new SimulatedStores({ world, random: world.random("stores"), host: 1 });
    this.#process = this.#pump.newProcess();
    this.platform = this.#newPlatform();
  }

  #newPlatform(): Platform {
    return { ...nodePlatform(), disk: this.#disk.mount(this.#process) };
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.#pump.run(promise);
  }

  runFor(forMs: number): Promise<void> {
    return this.#pump.runFor(forMs);
  }

  async open(location: string, lostUnsynced = false): Promise<Store> {
    const { platform } = this;
    await this.run(platform.disk.createDirectory(location));
    const engine = this.stores.engine(this.#process);
    return this.run(engine.open({ location, platform, lostUnsynced }));
  }

  crash({ power }: { readonly power: boolean }): void {
    this.#process.kill();
    this.#disk.crash({ power });
    this.stores.crash({ power });
    this.#process = this.#pump.newProcess();
    this.platform = this.#newPlatform();
  }

  async put(store: Store, key: string, value: string): Promise<void> {
    await this.run(store.level.batch().put(Buffer.from(key), Buffer.from(value)).write());
  }

  /** All pairs, as text. */
  async pairs(store: Store): Promise<string> {
    const pairs = await this.run(store.level.iterator().all());
    return pairs.map((pair) => pair.join("=")).join(" ");
  }
}
