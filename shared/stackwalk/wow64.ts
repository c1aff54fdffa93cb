import { at, struct, u16, u32 } from "../bytes/layout.ts";
import { addOffset, type VirtualAddress } from "../dump/address.ts";
import { CONTEXT_X86, readX86Context } from "../dump/context/x86.ts";
import type { CpuContext } from "../dump/cpu-context.ts";
import type { Dump, DumpThread } from "../dump/dump.ts";
import { type Memory, readExact, readPointer } from "../dump/memory.ts";
import type { ModuleMap } from "./module-map.ts";
import { StackReader } from "./stack-reader.ts";
import type { WalkScene } from "./walk-scene.ts";

/**
 * WOW64: 32-bit processes on 64-bit Windows. What a 64-bit writer of dumps sees of their threads is mostly the
 * emulation (wow64cpu.dll, wow64.dll); the program's own registers lie where the emulation saves them.
 */

/** TEB64.TlsSlots[1] (WOW64_TLS_CPURESERVED): pointer to what the emulation of the CPU keeps. */
const CPU_RESERVED_OFFSET = 0x1488;
/** The 32-bit TEB follows the 64-bit one by two pages. */
const TEB32_OFFSET = 0x2000;
const NT_TIB32 = struct("NT_TIB32", 0x0c, { StackBase: at(0x04, u32), StackLimit: at(0x08, u32) });
/** WOW64_CPURESERVED, with the CONTEXT of x86 behind. */
const WOW64_CPURESERVED = struct("WOW64_CPURESERVED", 4, { Flags: at(0x00, u16), Machine: at(0x02, u16) });

/** IMAGE_FILE_MACHINE_I386. Windows 7 leaves the field zero. */
const I386 = 0x14c;
const USER_END = 0x8000_0000_0000n;
/** 32-bit code and stacks lie below. */
const NARROW_END = 0x1_0000_0000n;
/** Reserved sizes of stacks are a few megabytes; more is no stack. */
const MAX_STACK = 0x1000_0000;

/** Whether a dump holds both halves of a 32-bit process. */
export function isWow64({ cpu, kernel, system, modules }: Dump): boolean {
  if ((cpu !== "amd64" && cpu !== "arm64") || kernel || system.os !== "Windows NT") return false;
  return modules.some(({ path }) => /(^|[\\/])wow64(cpu)?\.dll$/i.test(path));
}

/** The scene of a thread's 32-bit half. May throw MissingRanges. */
export function narrowScene(scene: WalkScene, { teb }: DumpThread): WalkScene {
  const { bounds: _, ...rest } = scene;
  const { memory } = scene.stack;
  const bounds = teb === undefined ? undefined : narrowBounds(memory, teb);
  return {
    ...rest,
    cpu: "x86",
    pointerSize: 4,
    narrow: true,
    stack: new StackReader(memory, 4),
    ...(bounds ? { bounds } : {}),
  };
}

function narrowBounds(memory: Memory, teb: VirtualAddress): NonNullable<DumpThread["stack"]> | undefined {
  const bytes = readExact(memory, addOffset(teb, TEB32_OFFSET), NT_TIB32.size);
  if (!bytes) return undefined;
  const { StackBase, StackLimit } = NT_TIB32.from(bytes);
  const size = StackBase - StackLimit;
  return size > 0 && size <= MAX_STACK ? { start: BigInt(StackLimit) as VirtualAddress, size } : undefined;
}

/** Where 32-bit code stood when it left for 64-bit code; undefined where memory does not hold that. */
export function savedNarrowContext(memory: Memory, teb: VirtualAddress): CpuContext | undefined {
  const reserved = readPointer(memory, addOffset(teb, CPU_RESERVED_OFFSET), 8);
  if (reserved === undefined || reserved === 0n || reserved >= USER_END) return undefined;
  const saved = readExact(memory, reserved, WOW64_CPURESERVED.size + CONTEXT_X86.size);
  if (!saved) return undefined;
  const { Machine } = WOW64_CPURESERVED.from(saved);
  return Machine === 0 || Machine === I386 ? readX86Context(saved.subarray(WOW64_CPURESERVED.size)) : undefined;
}

/**
 * The registers as 32-bit code sees them, where a thread was stopped in 32-bit code: the image there is of x86,
 * or, where it cannot be read, lies among the system's 32-bit images.
 */
export function narrowContext(modules: ModuleMap, { pc, sp, flags, registers }: CpuContext): CpuContext | undefined {
  if (pc >= NARROW_END || sp >= NARROW_END || registers["rip"] === undefined) return undefined;
  const module = modules.find(pc);
  if (!module) return undefined;
  const isNarrow = module.headers ? module.headers.machine === I386 : /[\\/]SysWOW64[\\/]/i.test(module.module.path);
  if (!isNarrow) return undefined;
  const narrow: Record<string, bigint> = {};
  for (const name of ["eip", "esp", "ebp", "ebx", "esi", "edi", "eax", "ecx", "edx"]) {
    const value = registers[`r${name.slice(1)}`];
    if (value !== undefined) narrow[name] = BigInt.asUintN(32, value);
  }
  return { cpu: "x86", pc, sp, flags, registers: narrow };
}
