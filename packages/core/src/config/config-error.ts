/** One thing that is wrong with the options. */
export interface ConfigIssue {
  /** Dotted path of the key, e.g. `raft.heartbeatMs`; empty for a rule over the whole object. */
  readonly path: string;
  /** What is wrong and what would be right. */
  readonly message: string;
}

/** Thrown by `openNode` before anything is touched. Holds every issue at once, not only the first. */
export class ConfigError extends TypeError {
  override readonly name = "ConfigError";
  readonly issues: readonly ConfigIssue[];
  constructor(issues: readonly ConfigIssue[]) {
    const lines = issues.map(
      ({ path, message }) => `\n  ${path === "" ? "options" : path}: ${message}`,
    );
    super(`invalid options:${lines.join("")}`);
    this.issues = issues;
  }
}
