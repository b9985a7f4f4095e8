import { runReplicatedSuite } from "./replicated-suite.ts";

runReplicatedSuite("three nodes in one process", 3);
