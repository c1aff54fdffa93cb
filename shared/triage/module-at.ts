import type { VirtualAddress } from "../dump/address.ts";
import type { Dump, DumpModule, DumpUnloadedModule } from "../dump/dump.ts";

/** Finding the image behind an address, and the names that people call it by. */

/** The part of a path after its last slash or backslash. */
export function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

/** The loaded image that holds an address. */
export function moduleAt(dump: Dump, address: VirtualAddress): DumpModule | undefined {
  return dump.modules.find((module) => inside(module, address));
}

/** The most recently unloaded image that held an address. */
export function unloadedModuleAt(dump: Dump, address: VirtualAddress): DumpUnloadedModule | undefined {
  return dump.unloadedModules.find((module) => inside(module, address));
}

function inside(image: { base: VirtualAddress; size: number }, address: VirtualAddress): boolean {
  return address >= image.base && address - image.base < BigInt(image.size);
}

/**
 * WinDbg's module name: `nt` for the kernel, else the base name without extension, in the dump's own case, with `_`
 * for marks that an expression of the debugger would read as its own: `BandiView_x64` of `BandiView.x64.exe`.
 */
export function moduleLabel(dump: Dump, module: { readonly base: VirtualAddress; readonly path: string }): string {
  if (dump.kernel !== undefined && module.base === dump.kernel.base) return "nt";
  const name = baseName(module.path);
  const dot = name.lastIndexOf(".");
  const stem = (dot > 0 ? name.slice(0, dot) : name) || "unknown";
  return stem.replace(/[-.+ ()]/g, "_");
}
