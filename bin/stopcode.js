#!/usr/bin/env node
// The sources are TypeScript that Node 24 runs as it is. An older Node hands over to the one that
// `npm ci` installed (the npm package `node`), so that Node 20 and npm are enough to start.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import { fileURLToPath } from "node:url";

const main = new URL("../cli/main.ts", import.meta.url);
if (Number(process.versions.node.split(".")[0]) >= 24) {
  // Types stripped and code compiled once for all runs: a third of the start-up without it.
  module.enableCompileCache?.();
  await import(main.href);
} else {
  const node = fileURLToPath(new URL("../node_modules/node/bin/node", import.meta.url));
  if (!existsSync(node)) {
    console.error(`stopcode needs Node 24; this is ${process.version}, and ${node} is missing. Run: npm ci`);
    process.exit(1);
  }
  const child = spawn(node, [fileURLToPath(main), ...process.argv.slice(2)], { stdio: "inherit" });
  // `serve` must hear when it is asked to end; a terminal's own signals reach both of us.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? (signal ? 128 + 15 : 1);
  });
}
