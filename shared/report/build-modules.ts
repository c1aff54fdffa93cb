import { addOffset, hexAddress } from "../dump/address.ts";
import type { Dump, DumpModule, DumpUnloadedModule } from "../dump/dump.ts";
import type { ModuleSymbols } from "../stackwalk/symbol-provider.ts";
import { baseName } from "../triage/module-at.ts";
import type { CrashReport } from "./crash-report.ts";

/** What rust-minidump prints for a module without CodeView record: readers of its reports expect no null there. */
const NO_IDENTITY = { debugId: "0".repeat(33), debugFile: "", codeId: "" };

/** A loaded module in the report; base names only, since paths are restricted. */
export function modulePart(
  dump: Dump,
  module: DumpModule,
  symbols: ModuleSymbols | undefined,
): CrashReport["modules"][number] {
  const none = dump.format === "MDMP" ? NO_IDENTITY : { debugId: null, debugFile: null, codeId: null };
  return {
    base_addr: hexAddress(module.base, dump.pointerSize),
    end_addr: hexAddress(addOffset(module.base, module.size), dump.pointerSize),
    filename: baseName(module.path),
    version: module.version ?? null,
    code_id: module.codeId ?? none.codeId,
    debug_id: module.debugId ?? none.debugId,
    debug_file: module.debugFile === undefined ? none.debugFile : baseName(module.debugFile),
    timestamp: hex32(module.timestamp),
    checksum: hex32(module.checksum),
    identity: module.identity,
    cert_subject: null,
    loaded_symbols: symbols?.status === "found",
    missing_symbols: symbols?.status === "missing" || symbols?.status === "mismatched",
    corrupt_symbols: symbols?.status === "corrupt",
    symbol_url: null,
  };
}

/** An unloaded module in the report. */
export function unloadedModulePart(dump: Dump, module: DumpUnloadedModule): CrashReport["unloaded_modules"][number] {
  const { timestamp } = module;
  return {
    base_addr: hexAddress(module.base, dump.pointerSize),
    end_addr: hexAddress(addOffset(module.base, module.size), dump.pointerSize),
    filename: baseName(module.path),
    code_id: timestamp === undefined ? null : `${timestamp.toString(16).padStart(8, "0")}${module.size.toString(16)}`,
    cert_subject: null,
  };
}

function hex32(value: number | undefined): string | null {
  return value === undefined ? null : `0x${value.toString(16).padStart(8, "0")}`;
}

/** What became of a module's symbols. */
export function symbolPart(
  module: DumpModule,
  { status, verified, lookedIn }: ModuleSymbols,
): CrashReport["symbols"][number] {
  return {
    module: baseName(module.path),
    status,
    ...(verified === undefined ? {} : { verified }),
    debug_id: module.debugId ?? null,
    code_id: module.codeId ?? null,
    looked_in: [...lookedIn],
  };
}
