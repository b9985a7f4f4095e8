/** Something that may catch a mutant. */
export type Suite = TestSuite | SimulatorSuite;

/** Tests of a file or folder. */
export interface TestSuite {
  readonly type: "tests";
  /** File or folder, from the top of the repository. */
  readonly path: string;
  /** Regular expression for the names of the tests; all of them where it is left out. */
  readonly names?: string;
}

/** A run of the simulator. */
export interface SimulatorSuite {
  readonly type: "sim";
  readonly args: readonly string[];
}

/** Reads what stands behind `Suite: ` in the head of a patch: `sim ARGS…`, or `FILE` or `FILE -t NAMES`. */
export function parseSuite(text: string): Suite {
  const words = text.split(" ");
  if (words[0] === "sim") return { type: "sim", args: words.slice(1) };
  const [path = text, names] = text.split(" -t ");
  return { type: "tests", path, ...(names === undefined ? {} : { names }) };
}

/** The suite as it is written. */
export function describeSuite(suite: Suite): string {
  if (suite.type === "sim") return ["sim", ...suite.args].join(" ");
  return suite.names === undefined ? suite.path : `${suite.path} -t ${suite.names}`;
}
