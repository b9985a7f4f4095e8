import { runReplicatedSuite } from "./replicated-suite.ts";

runReplicatedSuite("a replicated single node", 1);
