import type { CpuArch, VirtualAddress } from "../dump/address.ts";
import type { DumpOs, DumpThread } from "../dump/dump.ts";
import { readExact } from "../dump/memory.ts";
import type { ModuleMap, WalkedModule } from "./module-map.ts";
import type { StackReader } from "./stack-reader.ts";

/** All that methods of unwinding look at besides the frame itself. */
export interface WalkScene {
  readonly cpu: CpuArch;
  readonly pointerSize: 4 | 8;
  readonly os: DumpOs;
  /** True in kernel dumps, where trap frames lie on stacks. */
  readonly kernel: boolean;
  readonly modules: ModuleMap;
  readonly stack: StackReader;
  /** Bounds of the thread's stack memory, where they are known. */
  readonly bounds?: NonNullable<DumpThread["stack"]>;
  /** An address without its pointer authentication code (ARM64); the address itself elsewhere. */
  readonly strip: (address: bigint) => bigint;
}

/** Code bytes up to an address or from it: from the dump's memory, else from the image; fewer where they are not there. */
export function codeBytes(scene: WalkScene, address: bigint, length: number): Uint8Array {
  const { bytes } = scene.stack.memory.read(address as VirtualAddress, length);
  if (bytes.length === length) return bytes;
  const module = scene.modules.find(address);
  const fromImage = module?.image?.read(Number(address - module.base), length);
  return fromImage && fromImage.length > bytes.length ? fromImage : bytes;
}

/** Longest form of a call that is looked for before a return address. */
const CALL_BYTES = 7;

/**
 * Whether a call instruction of x86 or x64 ends at an address.
 * @returns undefined where the code cannot be read
 */
export function followsCall(scene: WalkScene, module: WalkedModule, address: bigint): boolean | undefined {
  const start = (address - BigInt(CALL_BYTES)) as VirtualAddress;
  const rva = Number(address - module.base) - CALL_BYTES;
  if (rva < 0) return undefined;
  const fromImage = module.image?.read(rva, CALL_BYTES);
  const bytes =
    fromImage && fromImage.length === CALL_BYTES ? fromImage : readExact(scene.stack.memory, start, CALL_BYTES);
  return bytes && endsWithCall(bytes, scene.cpu === "x86");
}

/** ModRM forms of `call r/m` (FF /2) by how many bytes before the end they start. */
function isIndirectCall(bytes: Uint8Array, length: number): boolean {
  const at = CALL_BYTES - length;
  if (bytes[at] !== 0xff) return false;
  const modrm = bytes[at + 1] as number;
  if (((modrm >> 3) & 7) !== 2) return false;
  const mode = modrm >> 6;
  const sib = mode !== 3 && (modrm & 7) === 4 ? 1 : 0;
  const noBase = mode === 0 && (sib === 1 ? ((bytes[at + 2] as number) & 7) === 5 : (modrm & 7) === 5);
  const displacement = mode === 1 ? 1 : mode === 2 || noBase ? 4 : 0;
  return 2 + sib + displacement === length;
}

function endsWithCall(bytes: Uint8Array, x86: boolean): boolean {
  if (bytes[2] === 0xe8 || (x86 && bytes[0] === 0x9a)) return true;
  return [2, 3, 4, 6, 7].some((length) => isIndirectCall(bytes, length));
}
