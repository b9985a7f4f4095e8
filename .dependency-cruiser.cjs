// Which package may import which: docs/architecture.md draws the arrows. Workspace packages are seen
// as packages/<name>/dist, because that is what their names resolve to.

/** What a package may import of ours, beside itself. A package that is not listed may import nothing. */
const arrows = {
  "raft-ts-lite": [],
  platform: [],
  core: ["raft-ts-lite", "platform"],
  testing: ["raft-ts-lite", "platform", "core"],
};

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    ...Object.entries(arrows).map(([name, allowed]) => ({
      name: `arrow-${name}`,
      comment: `${name} may import ${allowed.length === 0 ? "none of our packages" : allowed.join(", ")}`,
      severity: "error",
      from: { path: `^packages/${name}/src/` },
      to: {
        path: "^(packages|examples|bench|scripts)/",
        pathNot: [name, ...allowed].map((target) => `^packages/${target}/`),
      },
    })),
    {
      name: "arrow-missing",
      comment: "every package has its arrows in .dependency-cruiser.cjs",
      severity: "error",
      from: {
        path: "^packages/([^/]+)/src/",
        pathNot: `^packages/(${Object.keys(arrows).join("|")})/`,
      },
      to: { path: "^(packages|examples|bench|scripts)/", pathNot: "^packages/$1/" },
    },
    {
      name: "algorithm-is-pure",
      comment: "raft-ts-lite has no dependency: neither npm packages nor Node's modules",
      severity: "error",
      from: { path: "^packages/raft-ts-lite/src/" },
      to: { pathNot: "^packages/raft-ts-lite/src/" },
    },
    {
      name: "no-deep-import",
      comment: "a package is used through its entry points, by name",
      severity: "error",
      from: { path: "^(packages/[^/]+|examples/[^/]+|bench|scripts)/" },
      to: { path: "^packages/[^/]+/src/", pathNot: "^$1/" },
    },
    {
      name: "no-circular",
      comment: "files that need each other are one concern: draw the line elsewhere",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "no-unresolvable",
      comment: "build first (pnpm build), or declare the dependency",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: "no-dev-dependency-in-src",
      comment: "whoever installs the package does not get its devDependencies, nor the root's",
      severity: "error",
      from: { path: "^packages/[^/]+/src/" },
      to: {
        dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"],
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "no-test-in-src",
      comment: "what is published does not need what is not",
      severity: "error",
      from: { path: "/src/" },
      to: { path: "/test/" },
    },
  ],
  options: {
    doNotFollow: { path: ["node_modules", "/dist/", "/dist-"] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.base.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "default"] },
  },
};
