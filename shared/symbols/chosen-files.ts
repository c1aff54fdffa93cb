import type { DumpModule } from "../dump/dump.ts";
import type { Notes } from "../notes.ts";
import { type CandidateFile, identityOf } from "./symbol-supplier.ts";

/**
 * A file that somebody chose for a module though nothing in the dump may show that both are of one build: what
 * debuggers do on `.reload /i`. Small kernel dumps say neither time stamp nor GUID of most drivers.
 */
export interface ChosenFile {
  /** Name of the module, with extension or without, in any case; `nt` for the kernel. */
  readonly module: string;
  readonly file: CandidateFile;
}

/** Files that the kernel is loaded from. */
const KERNEL_FILES = /^(?:ntoskrnl|ntkrnlmp|ntkrnlpa|ntkrpamp)\.exe$/;

/** The files that were chosen for a module, in the order given. */
export function chosenFor(module: DumpModule, chosen: readonly ChosenFile[] | undefined): readonly ChosenFile[] {
  if (!chosen?.length) return [];
  const file = identityOf(module).codeFile?.toLowerCase();
  return file === undefined ? [] : chosen.filter((one) => isNamed(file, one.module));
}

/** Whether a module whose file is called so is meant by a name. */
export function isNamed(file: string, name: string): boolean {
  const [own, wanted] = [file.toLowerCase(), name.toLowerCase()];
  return own === wanted || own.replace(/(.)\.[^.]*$/, "$1") === wanted || (wanted === "nt" && KERNEL_FILES.test(own));
}

/** What a report must say of a file that was used on somebody's word. */
export function noteUnverified(notes: Notes, { module, file }: ChosenFile, isOther: boolean): void {
  const why = isOther ? "its identity is another than the module's" : "the dump holds no identity to check it by";
  notes.add("symbols.unverified", "symbols", `${file.origin} was used for ${module} as told: ${why}`);
}
