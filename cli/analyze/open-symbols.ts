import { stat } from "node:fs/promises";
import { FormatError, SourceError } from "../../shared/bytes/errors.ts";
import type { SymbolOptions } from "../../shared/pipeline/stacks.ts";
import type { ChosenFile } from "../../shared/symbols/chosen-files.ts";
import { UsageError } from "./open-target.ts";

/** Symbol sources that must be closed. */
export interface OpenSymbols {
  readonly options: SymbolOptions;
  close(): Promise<void>;
}

/**
 * Opens directories of symbol files. The demangler is loaded only here: without symbols there are no names.
 * @param told `MODULE=FILE`: files to use for modules though their identity cannot be checked
 * @throws UsageError for what is no directory, or no symbol file
 */
export async function openSymbols(places: readonly string[], told: readonly string[] = []): Promise<OpenSymbols> {
  for (const place of places) {
    const found = await stat(place).catch(() => undefined);
    if (!found?.isDirectory()) throw new UsageError("usage.bad-symbols", `--symbols ${place} is no directory`);
  }
  const [{ DirectorySupplier }, { GeckoDemangler }] = await Promise.all([
    import("../../shared/adapters/symbols/directory-supplier.ts"),
    import("../../shared/adapters/symbols/demangler.ts"),
  ]);
  const chosen = await openChosen(told);
  const supplier = new DirectorySupplier(places);
  const demangler = new GeckoDemangler();
  return {
    options: {
      supplier,
      demangle: (name) => demangler.demangle(name),
      ...(chosen.length > 0 ? { chosen: chosen.map(({ choice }) => choice) } : {}),
    },
    close: async () => {
      await Promise.all([supplier.close(), ...chosen.map(({ close }) => close())]);
    },
  };
}

interface OpenedChoice {
  readonly choice: ChosenFile;
  close(): Promise<void>;
}

/** Opens the files of `--symbols-for MODULE=FILE`. */
async function openChosen(told: readonly string[]): Promise<OpenedChoice[]> {
  const { openSymbolFile } = await import("../../shared/adapters/symbols/open-symbol-file.ts");
  const chosen: OpenedChoice[] = [];
  try {
    for (const text of told) {
      const { module, path } = splitChoice(text);
      const opened = await openSymbolFile(path);
      chosen.push({ choice: { module, file: opened.file }, close: opened.close });
    }
  } catch (error) {
    await Promise.all(chosen.map(({ close }) => close()));
    if (error instanceof SourceError || error instanceof FormatError) {
      throw new UsageError("usage.bad-symbols", `--symbols-for: ${error.message}`);
    }
    throw error;
  }
  return chosen;
}

/** The two sides of `MODULE=FILE`. */
export function splitChoice(text: string): { readonly module: string; readonly path: string } {
  const at = text.indexOf("=");
  if (at < 1 || at === text.length - 1) {
    throw new UsageError("usage.bad-symbols", `--symbols-for ${text} is not of the form MODULE=FILE`);
  }
  return { module: text.slice(0, at), path: text.slice(at + 1) };
}
