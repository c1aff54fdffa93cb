import type { RecordOf } from "../../../bytes/layout.ts";
import type { Notes } from "../../../notes.ts";
import type { DumpUnloadedModule } from "../../dump.ts";
import { MINIDUMP_UNLOADED_MODULE } from "../format.ts";
import { readExList } from "../list.ts";
import type { NameReader } from "../strings.ts";
import { isImageRange } from "./module-list.ts";

/** Most unloaded modules that are read; Windows keeps 64. */
export const MAX_UNLOADED_MODULES = 4096;

type RawUnloadedModule = RecordOf<typeof MINIDUMP_UNLOADED_MODULE>;
const WHERE = "UnloadedModuleListStream";

/** Reads the entries of UnloadedModuleListStream in its order. */
export function readUnloadedModuleList(body: Uint8Array, notes: Notes): RawUnloadedModule[] {
  const all = readExList(body, MINIDUMP_UNLOADED_MODULE, MAX_UNLOADED_MODULES, notes, WHERE);
  return all.filter(({ BaseOfImage, SizeOfImage }) => isImageRange(BaseOfImage, SizeOfImage));
}

/** Reads the name of one unloaded module. */
export function readUnloadedModule(raw: RawUnloadedModule, names: NameReader): DumpUnloadedModule {
  return {
    base: raw.BaseOfImage,
    size: raw.SizeOfImage,
    path: names.string(raw.ModuleNameRva, WHERE) ?? "",
    timestamp: raw.TimeDateStamp,
    checksum: raw.CheckSum,
  };
}
