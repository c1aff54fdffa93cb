import { stat } from "node:fs/promises";
import type { SymbolOptions } from "../../shared/pipeline/stacks.ts";
import { UsageError } from "./open-target.ts";

/** Symbol sources that must be closed. */
export interface OpenSymbols {
  readonly options: SymbolOptions;
  close(): Promise<void>;
}

/**
 * Opens directories of symbol files. The demangler is loaded only here: without symbols there are no names.
 * @throws UsageError for what is no directory
 */
export async function openSymbols(places: readonly string[]): Promise<OpenSymbols> {
  for (const place of places) {
    const found = await stat(place).catch(() => undefined);
    if (!found?.isDirectory()) throw new UsageError("usage.bad-symbols", `--symbols ${place} is no directory`);
  }
  const [{ DirectorySupplier }, { GeckoDemangler }] = await Promise.all([
    import("../../shared/adapters/symbols/directory-supplier.ts"),
    import("../../shared/adapters/symbols/demangler.ts"),
  ]);
  const supplier = new DirectorySupplier(places);
  const demangler = new GeckoDemangler();
  return {
    options: { supplier, demangle: (name) => demangler.demangle(name) },
    close: () => supplier.close(),
  };
}
