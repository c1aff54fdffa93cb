import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory of one test file; `cleanup` removes it. */
export function temporaryDir(): { readonly path: string; cleanup(): Promise<void> } {
  const path = mkdtempSync(join(tmpdir(), "stopcode-test-"));
  return { path, cleanup: async () => rmSync(path, { recursive: true, force: true }) };
}
