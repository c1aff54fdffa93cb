import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EXAMPLES } from "../test/support/synth/examples.ts";

/** Writes `examples/*.dmp` anew: `node scripts/make-examples.ts [folder]`. The bytes never change by themselves. */
const folder = process.argv[2] ?? join(import.meta.dirname, "../examples");
mkdirSync(folder, { recursive: true });
for (const [name, build] of Object.entries(EXAMPLES)) {
  const bytes = build();
  writeFileSync(join(folder, name), bytes);
  console.log(`${bytes.length.toString().padStart(8)} ${name}`);
}
