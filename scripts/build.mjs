import { build, install } from "./house.mjs";

process.exitCode = install() && build() ? 0 : 1;
