import type { NodeSettings } from "../../src/index.ts";

export const members = (count: number): { id: number; address: string }[] =>
  Array.from({ length: count }, (_, i) => ({ id: i + 1, address: `127.0.0.1:${7001 + i}` }));

export const base: NodeSettings = {
  directory: "/data",
  id: 1,
  cluster: { name: "test", members: members(3) },
};
