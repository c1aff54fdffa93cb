import { dataView } from "../bytes/layout.ts";
import type { CpuArch, VirtualAddress } from "../dump/address.ts";
import type { DumpOs, DumpStack } from "../dump/dump.ts";
import type { TrapFrame } from "../dump/kernel-dump/trap-frame/trap-frame.ts";
import { isArm64Call } from "./arm64-calls.ts";
import type { ModuleMap, WalkedModule } from "./module-map.ts";
import type { StackReader } from "./stack-reader.ts";

/** All that methods of unwinding look at besides the frame itself. */
export interface WalkScene {
  readonly cpu: CpuArch;
  readonly pointerSize: 4 | 8;
  /** True in the 32-bit half of a WOW64 process, whose dump is one of 64 bits. */
  readonly narrow?: boolean;
  readonly os: DumpOs;
  /** True in kernel dumps, where trap frames lie on stacks. */
  readonly kernel: boolean;
  /** Build of a crashed kernel: forms of its records differ. */
  readonly build: number;
  readonly modules: ModuleMap;
  /** What an image of the crashed process is called that does not tell its name. */
  readonly processName: string;
  readonly stack: StackReader;
  /** Arguments of the stop code. */
  readonly stopArguments?: readonly bigint[];
  /** Bounds of the thread's stack memory, where they are known. */
  readonly bounds?: DumpStack;
  /** The stack of its processor's own that holds an address outside of those. May throw MissingRanges. */
  readonly processorStack?: (address: bigint) => DumpStack | undefined;
  /** Trap frames on the thread's kernel stack, lowest first, recognised by their form; for scans. */
  readonly trapFrames: () => readonly TrapFrame[];
  /** An address without its pointer authentication code (ARM64); the address itself elsewhere. */
  readonly strip: (address: bigint) => bigint;
}

/** Code from an address on, from the dump's memory or the image; fewer bytes where they are not there. */
export function codeBytes(scene: WalkScene, address: bigint, length: number): Uint8Array {
  const module = scene.modules.find(address);
  if (module) return module.image.read(Number(address - module.base), length);
  return scene.stack.memory.read(address as VirtualAddress, length).bytes;
}

/** Longest form of a call that is looked for before a return address. */
const CALL_BYTES = 7;

/**
 * Whether a call instruction ends at an address.
 * @returns undefined where the code cannot be read, or is not of x86, x64 or ARM64
 */
export function followsCall(scene: Pick<WalkScene, "cpu">, module: WalkedModule, address: bigint): boolean | undefined {
  if (scene.cpu === "arm64") {
    if ((address & 3n) !== 0n) return false;
    const rva = Number(address - module.base) - 4;
    const word = rva < 0 ? new Uint8Array(0) : module.image.read(rva, 4);
    return word.length === 4 ? isArm64Call(dataView(word).getUint32(0, true)) : undefined;
  }
  if (scene.cpu !== "x86" && scene.cpu !== "amd64") return undefined;
  const rva = Number(address - module.base) - CALL_BYTES;
  if (rva < 0) return undefined;
  const bytes = module.image.read(rva, CALL_BYTES);
  return bytes.length === CALL_BYTES ? endsWithCall(bytes, scene.cpu === "x86") : undefined;
}

/** Where the call before a return address leads: to an address in the same image, through a pointer in memory, or who knows. */
export function callTarget(module: WalkedModule, address: bigint): number | "pointer" | undefined {
  const rva = Number(address - module.base);
  const bytes = rva < CALL_BYTES ? new Uint8Array(0) : module.image.read(rva - CALL_BYTES, CALL_BYTES);
  if (bytes.length < CALL_BYTES) return undefined;
  if (bytes[1] === 0xff && bytes[2] === 0x15) return "pointer";
  return bytes[2] === 0xe8 ? rva + dataView(bytes).getInt32(3, true) : undefined;
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
