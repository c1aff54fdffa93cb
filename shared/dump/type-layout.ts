import type { DumpModule } from "./dump.ts";

/**
 * Where the fields of the system's own structures lie, as the symbols of that very build tell. A port: whoever
 * has symbols (a PDB, an index of one) fills it; readers of kernel memory ask it before every other source.
 */
export interface TypeLayout {
  /**
   * Offset of a field in bytes from the start of its structure.
   * @param type name as the symbols have it: `_EPROCESS`
   * @param field name of a direct member: `ActiveProcessLinks`
   * @returns undefined where the symbols do not know it
   */
  offsetOf(type: string, field: string): number | undefined;
  /** Size of a structure in bytes. */
  sizeOf(type: string): number | undefined;
}

/**
 * Finds the symbols of a kernel by its identity; a port of whoever opens dumps. A step: may throw MissingRanges and
 * MissingResource.
 * @returns undefined where none are to be had
 */
export type KernelTypesOf = (kernel: DumpModule) => TypeLayout | undefined;
