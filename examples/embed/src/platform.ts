import { nodePlatform } from "@holdfast/platform";

const { clock, disk } = nodePlatform();
await disk.createDirectory("./data-platform");
const lock = await disk.lock("./data-platform");
const log = await disk.open("./data-platform/log", { create: true });
const startedAt = clock.now();
await log.appendAndSync(0, [Buffer.from("on the disk, "), Buffer.from("not only in its cache")]);
console.log(`synced within ${Math.ceil(clock.now() - startedAt)} ms`);
console.log(Buffer.from(await log.read(0, 100)).toString());
await log.close();
await lock.release();
await disk.close();
