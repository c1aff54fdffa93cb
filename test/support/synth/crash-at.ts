import { synthContext } from "./contexts.ts";
import { SynthMinidump } from "./synth-minidump.ts";

/** A run of memory of MemoryInfoListStream. */
export interface SynthRegion {
  readonly start: bigint;
  readonly size: bigint;
  /** PAGE_*; 1 no access, 2 read, 4 read and write, 0x20 read and execute, 0x104 guard. */
  readonly protect: number;
}

/** A crash of one instruction. */
export interface SynthCrash {
  readonly cpu?: "amd64" | "x86" | "arm64";
  readonly os?: "windows" | "linux";
  /** Bytes at the instruction pointer; none: they are not in the dump. */
  readonly code: Uint8Array;
  /** Where the code lies; {@link CRASH_IP} when absent. */
  readonly ip?: bigint;
  readonly registers: Readonly<Record<string, number | bigint>>;
  /** 0xC0000005 when absent. */
  readonly exception?: number;
  readonly flags?: number;
  readonly parameters?: readonly (number | bigint)[];
  /** Of the record; the instruction when absent. */
  readonly address?: bigint;
  readonly regions?: readonly SynthRegion[];
  /** Further memory. */
  readonly memory?: ReadonlyArray<readonly [address: bigint, bytes: Uint8Array]>;
  readonly teb?: bigint;
}

/** Module `crash.exe`, and the instruction in it. */
export const CRASH_MODULE = 0x10000n;
export const CRASH_IP = CRASH_MODULE + 0x1234n;
/** Bottom of the thread's stack. */
export const CRASH_STACK = 0x7f0000n;
const STACK_BYTES = 0x1000;

const IP = { amd64: "rip", x86: "eip", arm64: "pc" } as const;
const SP = { amd64: "rsp", x86: "esp", arm64: "sp" } as const;

/** A minidump of a process that crashed at one instruction. */
export function crashAt(crash: SynthCrash): Uint8Array {
  const cpu = crash.cpu ?? "amd64";
  const ip = crash.ip ?? CRASH_IP;
  const registers = { [SP[cpu]]: CRASH_STACK + 0x800n, ...crash.registers, [IP[cpu]]: ip };
  const context = synthContext(cpu, registers);
  const dump = new SynthMinidump()
    .system({ cpu, os: crash.os ?? "windows", version: "10.0.19045" })
    .module({ base: CRASH_MODULE, size: 0x8000, name: "C:\\crash.exe" })
    .thread({
      id: 1,
      context,
      stack: { address: CRASH_STACK, bytes: new Uint8Array(STACK_BYTES) },
      ...(crash.teb === undefined ? {} : { teb: crash.teb }),
    })
    .exception({
      threadId: 1,
      code: crash.exception ?? 0xc0000005,
      flags: crash.flags ?? 0,
      address: crash.address ?? ip,
      parameters: crash.parameters ?? [],
      context,
    });
  if (crash.code.length > 0) dump.memory(ip, crash.code);
  for (const [address, bytes] of crash.memory ?? []) dump.memory(address, bytes);
  if (crash.regions) dump.rawStream(16, regionBytes(crash.regions));
  return dump.build();
}

function regionBytes(regions: readonly SynthRegion[]): Uint8Array {
  const bytes = new Uint8Array(0x10 + regions.length * 0x30);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x10, true);
  view.setUint32(4, 0x30, true);
  view.setBigUint64(8, BigInt(regions.length), true);
  for (const [index, { start, size, protect }] of regions.entries()) {
    const at = 0x10 + index * 0x30;
    view.setBigUint64(at, start, true);
    view.setBigUint64(at + 0x18, size, true);
    view.setUint32(at + 0x20, 0x1000, true);
    view.setUint32(at + 0x24, protect, true);
  }
  return bytes;
}
