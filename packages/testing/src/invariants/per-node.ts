import type { NodeView } from "./invariant.ts";

/** What an invariant remembers of each node: begun anew with every life, or with every incarnation, of the node. */
export class PerNode<Memory> {
  readonly #span: "life" | "incarnation";
  readonly #begin: (node: NodeView) => Memory;
  readonly #byId = new Map<number, { readonly span: number; readonly memory: Memory }>();

  constructor(span: "life" | "incarnation", begin: (node: NodeView) => Memory) {
    this.#span = span;
    this.#begin = begin;
  }

  of(node: NodeView): Memory {
    const span = node[this.#span];
    const known = this.#byId.get(node.id);
    if (known?.span === span) return known.memory;
    const memory = this.#begin(node);
    this.#byId.set(node.id, { span, memory });
    return memory;
  }
}
