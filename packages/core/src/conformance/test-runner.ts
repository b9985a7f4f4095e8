/** Registers a test: that of vitest, of `node:test`, or alike. */
export type TestRunner = (name: string, body: () => Promise<void>) => unknown;
