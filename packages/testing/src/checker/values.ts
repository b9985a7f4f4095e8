/** The number of the value that a key has before anything is written. */
export const MISSING = 0;

/** The number that stands for "any value": what a key holds at the beginning of a window, before anybody looked. */
export const ANY = 1;

/** Numbers for values, so that states are compared by comparing numbers. */
export class Values {
  readonly #numbers = new Map<string | null, number>();
  readonly #texts: (string | null)[];

  /** `missing`: what a read of a key says that was never written. */
  constructor(missing: string | null) {
    this.#texts = [missing, null];
    this.#numbers.set(missing, MISSING);
    // Histories whose missing keys read as text write "nothing" both ways.
    this.#numbers.set(null, MISSING);
  }

  number(value: string | null): number {
    const known = this.#numbers.get(value);
    if (known !== undefined) return known;
    this.#numbers.set(value, this.#texts.length);
    return this.#texts.push(value) - 1;
  }

  /** The value that results where `text` is put behind `value`. */
  appended(value: number, text: string): number {
    return value === ANY ? ANY : this.number((this.#texts[value] ?? "") + text);
  }

  /** Whether appends could make `value` of `beginning`. */
  startsWith(value: number, beginning: number): boolean {
    if (value === ANY || beginning === ANY) return true;
    return (this.#texts[value] ?? "").startsWith(this.#texts[beginning] ?? "");
  }

  /** For people. */
  show(value: number): string {
    if (value === ANY) return "anything";
    const text = this.#texts[value] ?? null;
    return text === null ? "nil" : JSON.stringify(text);
  }
}
