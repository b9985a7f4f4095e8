import type { NodeSettings } from "./settings.ts";

const MIB = 1_048_576;

/** What a preset may say: settings that do not name a machine or a cluster. */
export type PresetSettings = Readonly<
  Pick<
    NodeSettings,
    "replication" | "raft" | "log" | "checkpoint" | "limits" | "timeouts" | "transport"
  >
>;

/** Deep-frozen starting values by the kind of deployment, as data. */
export interface Presets {
  /** One copy and little disk: for a developer's machine and for tests. */
  readonly development: PresetSettings;
  /** Three copies, full-size log. */
  readonly production: PresetSettings;
  /** Members in different regions: heartbeats of one second, elections after five. */
  readonly wan: PresetSettings;
}

/** See {@link Presets}. */
export const presets: Presets = freeze({
  development: freeze({
    replication: freeze({ replicationFactor: 1 }),
    log: freeze({ segmentBytes: 4 * MIB, cacheBytes: 8 * MIB, retainBytes: 4 * MIB }),
  }),
  production: freeze({
    replication: freeze({ replicationFactor: 3 }),
    log: freeze({ segmentBytes: 64 * MIB, cacheBytes: 64 * MIB, retainBytes: 64 * MIB }),
  }),
  wan: freeze({
    replication: freeze({ replicationFactor: 3 }),
    raft: freeze({ heartbeatMs: 1_000, electionMinMs: 5_000, electionMaxMs: 10_000 }),
    timeouts: freeze({ proposalMs: 30_000, readMs: 30_000 }),
  }),
});

function freeze<T extends object>(value: T): Readonly<T> {
  return Object.freeze(value);
}
