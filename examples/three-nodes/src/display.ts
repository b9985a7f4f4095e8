/** A progress bar: redrawn in place on a terminal, a line per tenth elsewhere. */
export class ProgressBar {
  readonly #label: string;
  readonly #total: number;
  readonly #startedAt = performance.now();
  #tenth = -1;
  #drawnAt = 0;

  constructor(label: string, total: number) {
    this.#label = label;
    this.#total = total;
  }

  update(done: number): void {
    const now = performance.now();
    const share = done / this.#total;
    const seconds = (now - this.#startedAt) / 1_000;
    const rate = seconds > 0 ? Math.round(done / seconds) : 0;
    const text = `${this.#label} ${bar(share)} ${percent(share)} ${count(done)} rows, ${count(rate)} ops/s`;
    if (process.stdout.isTTY) {
      if (now - this.#drawnAt < 50 && done < this.#total) return;
      this.#drawnAt = now;
      process.stdout.write(`\r\x1b[K${text}`);
    } else if (Math.floor(share * 10) > this.#tenth) {
      this.#tenth = Math.floor(share * 10);
      console.log(text);
    }
  }

  /** Leaves the bar as it is, so that other lines can follow. */
  pause(): void {
    if (process.stdout.isTTY) process.stdout.write("\n");
  }

  /** Operations per second since the start. */
  rate(done: number): number {
    return Math.round((done * 1_000) / (performance.now() - this.#startedAt));
  }
}

function bar(share: number): string {
  const full = Math.round(share * 30);
  return `[${"#".repeat(full)}${"-".repeat(30 - full)}]`;
}

function percent(share: number): string {
  return `${Math.floor(share * 100)}%`.padStart(4);
}

/** 171075 → 171,075. */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** Columns as wide as their widest cell; numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows];
  const widths = head.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          /^[\d,.]+/.test(cell)
            ? cell.padStart(widths[column] ?? 0)
            : cell.padEnd(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
