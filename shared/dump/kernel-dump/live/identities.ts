import type { Task } from "../../../bytes/step-runner.ts";
import { peCodeId } from "../../../image/codeview.ts";
import type { ImageBytes } from "../../../image/image-bytes.ts";
import { type PeHeaders, readPeHeaders } from "../../../image/pe.ts";
import { identityRanges, readDebugDirectory, readFileVersion } from "../../../image/pe-identity.ts";
import { attempt, type Notes } from "../../../notes.ts";
import { addOffset, type VirtualAddress } from "../../address.ts";
import type { DumpModule } from "../../dump.ts";
import type { Memory } from "../../memory.ts";
import type { KernelSpace } from "../memory/kernel-space.ts";

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

/** Identities of the crashed kernel's images, read on demand and at most {@link MAX_IDENTITIES} of them. */
export class Identities {
  readonly #space: Pick<KernelSpace, "memory" | "kernelBase">;
  readonly #created: number | undefined;
  readonly #notes: Notes;
  readonly #asked = new Set<VirtualAddress>();
  readonly #found = new Map<VirtualAddress, ModuleIdentity>();
  /** Modules with their identities: the same object for each, however often it is asked for. */
  readonly #merged = new Map<VirtualAddress, DumpModule>();

  /** @param created the dump's own clock, milliseconds since 1970 */
  constructor(space: Pick<KernelSpace, "memory" | "kernelBase">, created: number | undefined, notes: Notes) {
    this.#space = space;
    this.#created = created;
    this.#notes = notes;
  }

  /** Reads nt's own identity, which every symbol of the kernel needs. */
  start(): Task[] {
    return [
      () => {
        this.kernel();
        return [];
      },
    ];
  }

  /**
   * nt with its identity, before the list of modules is there; undefined where nt was not found.
   * @throws MissingRanges
   */
  kernel(): DumpModule | undefined {
    const { kernelBase } = this.#space;
    if (kernelBase === undefined) return undefined;
    // Its size stands in the headers that are read here.
    const kernel: DumpModule = { base: kernelBase, size: 0x4000_0000, path: "", identity: "not-read" };
    this.#ensure(kernel);
    const identity = this.#found.get(kernelBase);
    return identity && merge(kernel, identity);
  }

  /**
   * A module with its identity, or as it is where as many as may be were read.
   * @throws MissingRanges
   */
  read(module: DumpModule): DumpModule {
    if (module.identity === "not-read") this.#ensure(module);
    return this.known(module);
  }

  #ensure({ base, size }: DumpModule): void {
    if (this.#found.has(base) || (!this.#asked.has(base) && this.#asked.size >= MAX_IDENTITIES)) return;
    this.#asked.add(base);
    const image = memoryImage(this.#space.memory, base, size);
    const read = attempt(this.#notes, "kernel/identities", () => readIdentity(image, this.#created));
    this.#found.set(base, read ?? { identity: "absent" });
  }

  /** A module with what was read of it; what the loader wrote down wins over what the image says. */
  known(module: DumpModule): DumpModule {
    const identity = module.identity === "not-read" ? this.#found.get(module.base) : undefined;
    if (!identity) return module;
    const merged = this.#merged.get(module.base) ?? merge(module, identity);
    this.#merged.set(module.base, merged);
    return merged;
  }
}

function merge(module: DumpModule, identity: ModuleIdentity): DumpModule {
  const { timestamp, checksum, codeId } = module;
  return {
    ...module,
    ...identity,
    ...(checksum ? { checksum } : {}),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(codeId === undefined ? {} : { codeId }),
  };
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
