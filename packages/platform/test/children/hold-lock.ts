// Takes the lock of a directory and waits to be killed.
import { nodeDisk } from "../../src/node-disk.ts";

const directory = process.argv[2] ?? "";
await nodeDisk().lock(directory);
process.stdin.resume();
process.stdout.write("locked\n");
