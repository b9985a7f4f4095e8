// Listens with the shortest queue and never accepts: once the queue is full, the system answers nobody any more.
import { createServer, type AddressInfo } from "node:net";
import { writeSync } from "node:fs";

const server = createServer();
server.listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
  writeSync(1, `port ${(server.address() as AddressInfo).port}.\n`);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
