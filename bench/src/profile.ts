// Sums up CPU profiles (`node bench/dist/load.js --cpu-prof DIR` leaves one per process): self time by file and by function.
import { readFileSync } from "node:fs";
import { printTable, figure } from "./report.ts";

const SHOWN = 30;

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Which file, and which function of it, a sample is counted for. */
interface Place {
  readonly file: string;
  readonly name: string;
}

function places({ nodes }: Profile): ReadonlyMap<number, Place> {
  return new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const file = url.replace(/^.*\/(?=(?:packages|node_modules|bench)\/)/, "") || "(engine)";
      const line = url === "" ? "" : `:${lineNumber + 1}`;
      return [id, { file, name: `${functionName || "(anonymous)"} ${file}${line}` }];
    }),
  );
}

function summarise(file: string): void {
  const profile = JSON.parse(readFileSync(file, "utf8")) as Profile;
  const placeOf = places(profile);
  const byFile = new Map<string, number>();
  const byFunction = new Map<string, number>();
  let busy = 0;
  profile.samples.forEach((id, i) => {
    const place = placeOf.get(id);
    const delta = profile.timeDeltas[i] ?? 0;
    if (place === undefined || place.name.startsWith("(idle)")) return;
    busy += delta;
    byFile.set(place.file, (byFile.get(place.file) ?? 0) + delta);
    byFunction.set(place.name, (byFunction.get(place.name) ?? 0) + delta);
  });
  console.log(`\n${file}: busy for ${figure(busy / 1e6, 2)} s\n`);
  for (const [what, times] of Object.entries({ file: byFile, function: byFunction })) {
    const rows = [...times].sort(([, a], [, b]) => b - a).slice(0, SHOWN);
    printTable(
      rows.map(([name, time]) => ({
        "self ms": figure(time / 1e3),
        "%": figure((time / busy) * 100, 1),
        [what]: name,
      })),
    );
    console.log();
  }
}

process.argv.slice(2).forEach(summarise);
