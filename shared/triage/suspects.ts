import { hexAddress } from "../dump/address.ts";
import type { Dump, DumpModule, DumpUnloadedModule } from "../dump/dump.ts";
import type { Candidate } from "./candidates.ts";
import { plainFunction } from "./function-name.ts";
import { baseName, moduleAt, moduleLabel, unloadedModuleAt } from "./module-at.ts";
import { type Owner, ownerName, ownersOf } from "./owners.ts";
import type { Reason } from "./verdict.ts";

/** Who stands behind a candidate. */
export interface Suspect extends Candidate {
  readonly module?: DumpModule;
  readonly unloaded?: DumpUnloadedModule;
  readonly owner: Owner;
}

/** Hardware, memory, a program that ended: no list names them. */
const DEFINITE: Owner = { ownership: "definite" };
/** The call that raised the stop, known by its arguments where no symbol names it. */
const RAISER: Owner = { ownership: "ignore", entry: "its arguments are the stop code's: the call that raised it" };

/** Finds the image behind a candidate and who owns it; undefined when it leads to nobody. */
export function suspectOf(dump: Dump, candidate: Candidate): Suspect | undefined {
  const { address, image, other, symbol, raises } = candidate;
  const named = image?.toLowerCase();
  const isNamed = ({ path }: { readonly path: string }): boolean =>
    named !== undefined && baseName(path).toLowerCase() === named;
  const module = address === undefined ? dump.modules.find(isNamed) : moduleAt(dump, address);
  if (module) {
    const label = dump.bugcheck ? moduleLabel(dump, module) : ownerName(baseName(module.path));
    const owner = ownersOf(dump).owner(label, symbol === undefined ? undefined : plainFunction(symbol));
    return { ...candidate, module, owner: raises ? RAISER : owner };
  }
  const unloaded = address === undefined ? dump.unloadedModules.find(isNamed) : unloadedModuleAt(dump, address);
  if (unloaded) return { ...candidate, unloaded, owner: ownersOf(dump).owner(ownerName(baseName(unloaded.path))) };
  if (image !== undefined) return { ...candidate, owner: ownersOf(dump).owner(ownerName(image)) };
  return other === undefined ? undefined : { ...candidate, owner: DEFINITE };
}

/** What was seen, in one sentence with its address and image, and the entry of a list that it met. */
export function reasonOf(dump: Dump, candidate: Candidate, suspect: Suspect | undefined): Reason {
  const { rule } = candidate;
  const said = seenOf(dump, candidate, suspect);
  const entry = suspect?.owner.entry;
  return { rule, seen: entry === undefined ? said : `${said} (${entry})` };
}

function seenOf(dump: Dump, candidate: Candidate, suspect: Suspect | undefined): string {
  if (candidate.address === undefined) return candidate.what;
  const address = hexAddress(candidate.address, dump.pointerSize);
  // Decoders write their own sentence, address and image included.
  if (candidate.what.includes(address)) return candidate.what;
  return `${candidate.what} ${address} ${placeOf(dump, suspect)}`;
}

function placeOf(dump: Dump, suspect: Suspect | undefined): string {
  const { module, unloaded, symbol } = suspect ?? {};
  if (module) {
    const label = moduleLabel(dump, module);
    return `in ${symbol === undefined ? label : `${label}!${plainFunction(symbol)}`}`;
  }
  return unloaded ? `in unloaded ${baseName(unloaded.path)}` : "in no module";
}

/** True for code of the operating system: on the stack of everybody's bugs. */
export function isPlumbing({ owner }: Suspect): boolean {
  return owner.ownership !== "definite";
}

/** Name of a suspect in bucket strings: `nt`, `myfault`, `Unloaded_x.sys`; of user images with their extension. */
export function blameLabel(dump: Dump, { module, unloaded, image, other }: Suspect): string | undefined {
  if (module) return dump.bugcheck ? moduleLabel(dump, module) : baseName(module.path);
  if (unloaded) return `Unloaded_${baseName(unloaded.path)}`;
  return image ?? other;
}
