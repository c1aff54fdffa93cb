import type { Task } from "../../../bytes/step-runner.ts";
import { peCodeId } from "../../../image/codeview.ts";
import type { ImageBytes } from "../../../image/image-bytes.ts";
import { type PeHeaders, readPeHeaders } from "../../../image/pe.ts";
import { identityRanges, readDebugDirectory, readFileVersion } from "../../../image/pe-identity.ts";
import { addOffset, type VirtualAddress } from "../../address.ts";
import type { DumpModule } from "../../dump.ts";
import type { Memory } from "../../memory.ts";

/** Most modules whose identity is read (DESIGN, budgets). */
export const MAX_IDENTITIES = 24;

/** An image in the crashed machine's memory, with the holes that it has there. */
export function memoryImage(memory: Memory, base: VirtualAddress, size: number): ImageBytes {
  const inside = (rva: number, length: number): number => Math.max(0, Math.min(length, size - rva));
  return {
    read: (rva, length) => memory.read(addOffset(base, rva), inside(rva, length)).bytes,
    plan: (wanted) =>
      memory.plan(wanted.map(({ rva, length }) => ({ address: addOffset(base, rva), length: inside(rva, length) }))),
  };
}

/** What an image's own pages say of it. */
export interface ModuleIdentity {
  readonly identity: "read" | "absent";
  readonly timestamp?: number;
  readonly timestampIsHash?: boolean;
  readonly checksum?: number;
  readonly version?: string;
  readonly codeId?: string;
  readonly debugId?: string;
  readonly debugFile?: string;
}

/**
 * Reads one image's identity and version.
 * @param created the dump's own clock, milliseconds since 1970: a time stamp after it is none
 */
export function readIdentity(image: ImageBytes, created: number | undefined): ModuleIdentity {
  const headers = readPeHeaders(image);
  if (!headers) return { identity: "absent" };
  image.plan(identityRanges(headers));
  const debug = readDebugDirectory(image, headers);
  const version = readFileVersion(image, headers);
  const { debugId, debugFile } = debug?.codeView ?? {};
  const isHash = debug?.reproducible === true || isNoTime(headers, created);
  return {
    identity: debugId === undefined ? "absent" : "read",
    ...stamp(headers),
    ...(isHash ? { timestampIsHash: true } : {}),
    ...(version === undefined ? {} : { version }),
    ...(debugId === undefined ? {} : { debugId }),
    ...(debugFile === undefined ? {} : { debugFile }),
  };
}

/** The work that reads identities of modules side by side; `found` gets them by the module's base. */
export function identityTasks(
  memory: Memory,
  modules: readonly DumpModule[],
  created: number | undefined,
  found: Map<VirtualAddress, ModuleIdentity>,
): Task[] {
  return modules.slice(0, MAX_IDENTITIES).map(({ base, size }) => () => {
    found.set(base, readIdentity(memoryImage(memory, base, size), created));
    return [];
  });
}

/** The modules with what was found of them; what the loader wrote down wins over what the image says. */
export function withIdentities(
  modules: readonly DumpModule[],
  found: ReadonlyMap<VirtualAddress, ModuleIdentity>,
): DumpModule[] {
  return modules.map((module) => {
    const identity = found.get(module.base);
    if (!identity) return module;
    const { timestamp, checksum, codeId } = module;
    return {
      ...module,
      ...identity,
      ...(checksum ? { checksum } : {}),
      ...(timestamp === undefined ? {} : { timestamp }),
      ...(codeId === undefined ? {} : { codeId }),
    };
  });
}

function stamp(headers: PeHeaders): Partial<ModuleIdentity> {
  if (headers.timestamp === 0) return {};
  const codeId = peCodeId(headers.timestamp, headers.sizeOfImage);
  return { timestamp: headers.timestamp, codeId, checksum: headers.checksum };
}

/** PE images exist since 1993; and none is linked after the crash of the machine that runs it. */
function isNoTime({ timestamp }: PeHeaders, created: number | undefined): boolean {
  return timestamp < 725_846_400 || (created !== undefined && timestamp * 1000 > created + 86_400_000);
}
