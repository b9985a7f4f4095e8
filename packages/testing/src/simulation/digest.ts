/** A running hash over numbers: tells two runs apart, whatever they differ in. */
export class Digest {
  #a = 0x811c_9dc5;
  #b = 0x9e37_79b9;

  /** Order counts. Fractions count to a thousandth. */
  add(...numbers: readonly number[]): void {
    for (const number of numbers) {
      const scaled = Math.round(number * 1_000);
      const low = scaled >>> 0;
      const high = Math.floor(scaled / 2 ** 32) >>> 0;
      this.#a = Math.imul(this.#a ^ low, 0x0100_0193) ^ high;
      this.#b = Math.imul(this.#b + low + (this.#a >>> 15), 0x85eb_ca6b) ^ (this.#b >>> 13);
    }
  }

  get value(): string {
    return [this.#a, this.#b].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }
}
