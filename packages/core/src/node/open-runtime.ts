import { DiskError, type DiskLock, nodePlatform, type Platform } from "@holdfast/platform";
import type { ResolvedSettings } from "../config/settings.ts";
import { assert, HoldfastError } from "../errors.ts";
import { WriteAheadLog } from "../log/write-ahead-log.ts";
import type { StateMachine } from "../machine/state-machine.ts";
import { readAddress } from "../transport/address.ts";
import { Transport } from "../transport/transport.ts";
import { firstMembers, lastLogTimeOf, reconcile } from "./beginning.ts";
import {
  checkIdentity,
  clusterIdOf,
  drawIncarnation,
  type Identity,
  readIdentity,
  writeIdentity,
} from "./identity.ts";
import { PeerPins } from "./peer-pins.ts";
import { releaseInOrder } from "./release.ts";
import { GROUP, type Parts, Runtime, type RuntimeOptions } from "./runtime.ts";
import { StoreSlot } from "./store-slot.ts";

/** What exists so far of a node that is being opened. */
type Opened<Machine extends StateMachine> = {
  -readonly [Key in keyof Parts<Machine>]?: Parts<Machine>[Key];
};

/** The parts speak to the runtime, which is made of them. Until it stands, only the log can have anything to say: that it failed. */
interface Standing<Machine extends StateMachine> {
  runtime?: Runtime<Machine>;
  failure?: HoldfastError;
}

/** Opens everything in order; on failure releases what was opened and throws. */
export async function openRuntime<Machine extends StateMachine>(
  options: RuntimeOptions<Machine>,
): Promise<Runtime<Machine>> {
  const { settings, overrides } = options;
  const platform = nodePlatform(overrides);
  const parts: Opened<Machine> = { platform };
  try {
    await platform.disk.createDirectory(settings.directory);
    parts.lock = await takeLock(platform, settings.directory);
    return await openParts(options, platform, parts);
  } catch (error) {
    // The first error is the one to report: what fails from here on fails because of it.
    await releaseInOrder([
      () => parts.transport?.close(),
      () => parts.wal?.close(),
      () => parts.slot?.closeDirty(),
      () => parts.lock?.release(),
      () => (overrides.disk === undefined ? platform.disk.close() : undefined),
    ]);
    throw openError(error, settings.directory);
  }
}

async function openParts<Machine extends StateMachine>(
  options: RuntimeOptions<Machine>,
  platform: Platform,
  parts: Opened<Machine>,
): Promise<Runtime<Machine>> {
  const { settings } = options;
  const { directory } = settings;
  const { disk } = platform;
  const standing: Standing<Machine> = {};
  const identity = await openIdentity(platform, settings);
  // Before anything is written: a directory that is refused for its damage stays as it is.
  const pins = await PeerPins.open(disk, directory);
  const wal = await openLog(platform, settings, identity, standing);
  parts.wal = wal;
  const slot = await StoreSlot.open(platform, directory, options.machine);
  parts.slot = slot;
  await reconcile(wal, GROUP, slot.machine, identity);
  if (!identity.begun && wal.group(GROUP).lastIndex() > 0) {
    await writeIdentity(disk, directory, { ...identity, begun: true });
  }
  const lastLogTime = await lastLogTimeOf(wal.group(GROUP), slot.machine.applied());
  const transport = await openTransport(platform, settings, identity, standing);
  parts.transport = transport;
  const { lock } = parts;
  assert(lock !== undefined, "opened without its lock");
  const all = { platform, lock, wal, slot, transport };
  const runtime = new Runtime(options, identity, pins, all, lastLogTime);
  standing.runtime = runtime;
  if (standing.failure !== undefined) {
    await runtime.replica.stop(standing.failure);
    throw standing.failure;
  }
  runtime.start();
  return runtime;
}

function selfOf(identity: Identity): {
  readonly clusterId: Uint8Array;
  readonly nodeId: number;
  readonly incarnation: number;
} {
  const { cluster, nodeId, incarnation } = identity;
  return { clusterId: clusterIdOf(cluster), nodeId, incarnation };
}

async function openLog<Machine extends StateMachine>(
  { disk }: Platform,
  { directory, log }: ResolvedSettings,
  identity: Identity,
  standing: Standing<Machine>,
): Promise<WriteAheadLog> {
  return await WriteAheadLog.open({
    disk,
    directory: `${directory}/wal`,
    segmentBytes: log.segmentBytes,
    cacheBytes: log.cacheBytes,
    identity: selfOf(identity),
    bootId: await disk.bootId(),
    onFailure: (error) => {
      standing.failure = error;
      standing.runtime?.walFailed(error);
    },
  });
}

async function openTransport<Machine extends StateMachine>(
  platform: Platform,
  settings: ResolvedSettings,
  identity: Identity,
  standing: Standing<Machine>,
): Promise<Transport> {
  const listen = readAddress(settings.listen);
  assert(listen !== undefined, `listen address (${settings.listen})`);
  const runtime = (): Runtime<Machine> => {
    assert(standing.runtime !== undefined, "a peer was heard before the node was open");
    return standing.runtime;
  };
  return await Transport.listen({
    platform,
    listen,
    ...(settings.advertise === undefined ? {} : { advertise: settings.advertise }),
    self: selfOf(identity),
    settings: settings.transport,
    handlers: {
      messages: (_from, group, messages) => {
        runtime().receive(group, messages);
      },
      unreachable: (to) => {
        runtime().unreachable(to);
      },
      connected: (to) => {
        runtime().connected(to);
      },
      admit: (hello) => runtime().admit(hello),
      recognise: (welcome) => runtime().recognise(welcome),
      refused: (by, refusal) => {
        runtime().refused(by, refusal);
      },
      snapshotStream: (from, stream) => {
        runtime().snapshotStream(from, stream);
      },
    },
  });
}

/** Why a node cannot be opened, as its users know it. */
function openError(error: unknown, directory: string): unknown {
  if (!(error instanceof DiskError)) return error;
  return new HoldfastError(
    "STOPPED",
    `data directory (${directory}) cannot be used: ${error.message}; check its permissions and the free space, then open the node again`,
    { cause: error },
  );
}

async function takeLock(platform: Platform, directory: string): Promise<DiskLock> {
  try {
    return await platform.disk.lock(directory);
  } catch (cause) {
    if (!(cause instanceof DiskError) || cause.code !== "LOCKED") throw cause;
    const message = `directory (${directory}) is in use by another node: stop it, or choose another directory`;
    throw new HoldfastError("LOCKED", message, { cause });
  }
}

async function openIdentity(platform: Platform, settings: ResolvedSettings): Promise<Identity> {
  const { directory, id, cluster } = settings;
  const found = await readIdentity(platform.disk, directory);
  if (found !== undefined) {
    checkIdentity(found, { directory, cluster: cluster.name, nodeId: id });
    return found;
  }
  const identity: Identity = {
    cluster: cluster.name,
    nodeId: id,
    incarnation: drawIncarnation(platform.random),
    ...firstMembers(settings),
    begun: false,
  };
  await writeIdentity(platform.disk, directory, identity);
  return identity;
}
