import type { ByteSource } from "../bytes/byte-source.ts";
import type { DumpModule } from "../dump/dump.ts";

/** What names the files of a module: all of it comes from a dump and may be hostile. */
export interface ModuleIdentity {
  /** Base name of the symbol file. */
  readonly debugFile?: string;
  /** GUID and age in upper-case hex. */
  readonly debugId?: string;
  /** Base name of the image. */
  readonly codeFile?: string;
  /** Time stamp and size of a PE image, or a build id. */
  readonly codeId?: string;
}

/** A file that may belong to a module. Whether it does is for its reader to check: names prove nothing. */
export interface CandidateFile {
  readonly kind: SymbolFileKind;
  /** Where it was found, for reports: never a secret of the machine that serves them. */
  readonly origin: string;
  readonly source: ByteSource;
}

/** Forms of files that are looked for. */
export type SymbolFileKind = "breakpad" | "pdb" | "pe";

/** What a supplier found, best first, and where it looked. */
export interface Supply {
  readonly files: readonly CandidateFile[];
  readonly lookedIn: readonly string[];
}

/** Port: finds files of modules in directories, buckets, servers. */
export interface SymbolSupplier {
  /**
   * Files that may hold what is wanted of a module, opened. A place that cannot be reached is looked in in
   * vain; it is no error.
   * @throws BudgetError when the analysis must end
   */
  find(module: ModuleIdentity, kinds: readonly SymbolFileKind[]): Promise<Supply>;
}

/** Names of modules that were asked for: each frame asks again. */
const identities = new WeakMap<DumpModule, ModuleIdentity>();

/** The names of a dump's module that its files are stored under. */
export function identityOf(module: DumpModule): ModuleIdentity {
  let identity = identities.get(module);
  if (!identity) {
    identity = readIdentity(module);
    identities.set(module, identity);
  }
  return identity;
}

function readIdentity(module: DumpModule): ModuleIdentity {
  const debugFile = safeName(module.debugFile);
  const debugId = safeId(module.debugId)?.toUpperCase();
  const codeFile = safeName(module.path);
  const codeId = safeId(module.codeId);
  return {
    ...(debugFile !== undefined && { debugFile }),
    ...(debugId !== undefined && { debugId }),
    ...(codeFile !== undefined && { codeFile }),
    ...(codeId !== undefined && { codeId }),
  };
}

/** The last part of a path, when it can be a file's name on any system: no way up, no control characters. */
function safeName(path: string | undefined): string | undefined {
  const name = path?.split(/[\\/]/).pop() ?? "";
  const controls = [...name].some((char) => (char.codePointAt(0) as number) < 0x20 || char === ":");
  return name === "" || name === "." || name === ".." || name.length > 200 || controls ? undefined : name;
}

function safeId(id: string | undefined): string | undefined {
  return id !== undefined && /^[0-9A-Fa-f]{1,80}$/.test(id) ? id : undefined;
}
