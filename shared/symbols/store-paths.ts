import type { ModuleIdentity, SymbolFileKind } from "./symbol-supplier.ts";

/** A place in a symbol store. */
export interface StorePath {
  readonly kind: SymbolFileKind;
  /** Path below the store's root, `/` between its parts. Stores differ in case: compare without it. */
  readonly path: string;
  /** A cabinet that holds the file. */
  readonly compressed: boolean;
}

/**
 * Where the files of a module lie in stores of the usual layouts, best first: Breakpad's
 * (`a.pdb/ID/a.sym`), SymStore's and SSQP's (`a.pdb/ID/a.pdb`, `a.dll/TIMESIZE/a.dll`, `a.pd_` compressed),
 * each also under the first two letters of the name (a two-tier store), and plain folders of files.
 * https://learn.microsoft.com/windows-hardware/drivers/debugger/symbol-store-folder-tree
 */
export function storePaths(module: ModuleIdentity, kinds: readonly SymbolFileKind[]): StorePath[] {
  const { debugFile, debugId, codeFile, codeId } = module;
  const out: StorePath[] = [];
  if (kinds.includes("breakpad") && debugFile !== undefined && debugId !== undefined) {
    const stem = `${debugFile.replace(/\.pdb$/i, "")}.sym`;
    out.push(...stored("breakpad", debugFile, debugId, stem));
    out.push({ kind: "breakpad", path: stem, compressed: false });
  }
  if (kinds.includes("pdb") && debugFile !== undefined && debugId !== undefined && /\.pdb$/i.test(debugFile)) {
    out.push(...compressible("pdb", debugFile, debugId));
  }
  if (kinds.includes("pe") && codeFile !== undefined && codeId !== undefined) {
    out.push(...compressible("pe", codeFile, codeId));
  }
  return out;
}

function compressible(kind: SymbolFileKind, name: string, id: string): StorePath[] {
  const packed = `${name.slice(0, -1)}_`;
  return [
    ...stored(kind, name, id, name),
    ...stored(kind, name, id, packed).map((path) => ({ ...path, compressed: true })),
    { kind, path: name, compressed: false },
    { kind, path: packed, compressed: true },
  ];
}

function stored(kind: SymbolFileKind, folder: string, id: string, file: string): StorePath[] {
  const path = `${folder}/${id}/${file}`;
  return [
    { kind, path, compressed: false },
    { kind, path: `${folder.slice(0, 2)}/${path}`, compressed: false },
  ];
}
