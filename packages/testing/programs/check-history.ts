import { main } from "./check-history/main.ts";

process.exitCode = main(process.argv.slice(2), {
  directory: process.cwd(),
  print: (line) => {
    console.log(line);
  },
  printError: (line) => {
    console.error(line);
  },
});
