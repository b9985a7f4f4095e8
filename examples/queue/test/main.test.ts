import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

// Compiled, in an empty directory; `npm test` builds first.
const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** Addresses that were free a moment ago. */
async function freeAddresses(count: number): Promise<readonly string[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  const addresses: string[] = [];
  for (const server of servers) {
    if (!server.listening) await once(server, "listening");
    addresses.push(`127.0.0.1:${(server.address() as AddressInfo).port}`);
  }
  for (const server of servers) {
    server.close();
    await once(server, "close");
  }
  return addresses;
}

test("three nodes share a queue", async () => {
  const directory = mkdtempSync(path.join(tmpdir(), "holdfast-queue-"));
  try {
    const output = execFileSync(process.execPath, [main, ...(await freeAddresses(3))], {
      cwd: directory,
      timeout: 60_000,
    });
    expect(output.toString()).toBe("send the invoice true\nwater the kelp true\nleft: 0\n");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
