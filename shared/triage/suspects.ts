import { hexAddress } from "../dump/address.ts";
import type { Dump, DumpModule, DumpUnloadedModule } from "../dump/dump.ts";
import type { Candidate } from "./candidates.ts";
import { INBOX_KERNEL_MODULES, isSystemLibrary } from "./lists/inbox-modules.ts";
import { baseName, moduleAt, moduleLabel, unloadedModuleAt } from "./module-at.ts";
import type { Reason } from "./verdict.ts";

/** Who stands behind a candidate. */
export interface Suspect extends Candidate {
  readonly module?: DumpModule;
  readonly unloaded?: DumpUnloadedModule;
}

/** Finds the image behind a candidate; undefined when it leads to nobody. */
export function suspectOf(dump: Dump, candidate: Candidate): Suspect | undefined {
  const { address, image, other } = candidate;
  const named = image?.toLowerCase();
  const module =
    address === undefined
      ? dump.modules.find(({ path }) => named !== undefined && baseName(path).toLowerCase() === named)
      : moduleAt(dump, address);
  if (module) return { ...candidate, module };
  const unloaded =
    address === undefined
      ? dump.unloadedModules.find(({ path }) => named !== undefined && baseName(path).toLowerCase() === named)
      : unloadedModuleAt(dump, address);
  if (unloaded) return { ...candidate, unloaded };
  return image === undefined && other === undefined ? undefined : candidate;
}

/** What was seen, in one sentence with its address and image. */
export function reasonOf(dump: Dump, candidate: Candidate, suspect: Suspect | undefined): Reason {
  if (candidate.address === undefined) return { rule: candidate.rule, seen: candidate.what };
  const { module, unloaded } = suspect ?? {};
  const where = module
    ? `in ${moduleLabel(dump, module)}`
    : unloaded
      ? `in unloaded ${baseName(unloaded.path)}`
      : "in no module";
  const address = hexAddress(candidate.address, dump.pointerSize);
  // Decoders write their own sentence, address and image included.
  if (candidate.what.includes(address)) return { rule: candidate.rule, seen: candidate.what };
  return { rule: candidate.rule, seen: `${candidate.what} ${address} ${where}` };
}

/** True for an image of the operating system: on the stack of everybody's bugs. */
export function isPlumbing(dump: Dump, { module }: Suspect): boolean {
  if (!module) return false;
  return dump.bugcheck
    ? INBOX_KERNEL_MODULES.has(moduleLabel(dump, module).toLowerCase())
    : isSystemLibrary(baseName(module.path));
}

/** Name of a suspect in bucket strings: `nt`, `myfault`, `Unloaded_x.sys`; of user images with their extension. */
export function blameLabel(dump: Dump, { module, unloaded, image, other }: Suspect): string | undefined {
  if (module) return dump.bugcheck ? moduleLabel(dump, module) : baseName(module.path);
  if (unloaded) return `Unloaded_${baseName(unloaded.path)}`;
  return image ?? other;
}
