/** What the commands of a scenario write. */
export class Output {
  /** Nothing is written: the level is NONE. */
  quiet = false;
  #text = "";

  get text(): string {
    return this.#text;
  }

  clear(): void {
    this.#text = "";
  }

  write(text: string): void {
    if (!this.quiet) this.#text += text;
  }

  line(text: string): void {
    this.write(`${text}\n`);
  }

  /** Runs `body` and indents what it writes. */
  indented(body: () => void): void {
    const outer = this.#text;
    this.#text = "";
    try {
      body();
    } finally {
      const inner = this.#text;
      this.#text = outer;
      const lines = inner.endsWith("\n") ? inner.slice(0, -1) : inner;
      if (inner !== "") this.#text += lines.replace(/^/gm, "  ") + "\n";
    }
  }
}
