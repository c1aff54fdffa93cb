import { ByteWriter, hexBytes } from "./byte-writer.ts";
import { synthContext } from "./contexts.ts";
import { fileTime } from "./kernel-header.ts";
import {
  type SynthBlob,
  type SynthBlock,
  type SynthDriver,
  type SynthField,
  type SynthUnloadedDriver,
  synthDebuggerData,
  synthStruct,
  synthTriageDump,
} from "./synth-kernel.ts";

/** A whole x64 triage dump of Windows 10 19041 from a few facts; offsets are those of that build. */

export interface SynthCrash64 {
  readonly bugcheck: { readonly code: number; readonly args: readonly (number | bigint)[] };
  readonly style: "kernel" | "dbgeng";
  readonly kernelBase: bigint;
  /** Drivers besides the system's own: name, base, size, timestamp. */
  readonly thirdParty: readonly SynthDriver[];
  readonly process: { readonly name: string; readonly pid: number; readonly tid: number };
  readonly processor?: { readonly number: number; readonly mhz: number; readonly vendor: string };
  readonly systemTime: string;
  readonly uptimeSeconds: number;
  readonly registers: Readonly<Record<string, number | bigint>>;
  readonly contextFlags?: number;
  /** First address of the stored stack; `words` are at distances from it. */
  readonly stackStart: bigint;
  readonly stackSize?: number;
  readonly words: readonly (readonly [distance: number, value: bigint])[];
  /** Bytes that are copied into the stack: trap frames, records. */
  readonly stackParts?: readonly (readonly [distance: number, bytes: Uint8Array])[];
  readonly dataBlocks?: readonly SynthBlock[];
  readonly unloaded?: readonly SynthUnloadedDriver[];
  readonly blobs?: readonly SynthBlob[];
  readonly slack?: Uint8Array;
}

const SIZE_PRCB = 0xaf00;
const SIZE_EPROCESS = 0xa40;
const SIZE_ETHREAD = 0x898;
const KDBG_AT = 0xc00b20n;
const LIST_AT = 0xc2a2d0n;
const PROCESS_HEAD_AT = 0xc1e0c0n;
const BUILD_LAB_AT = 0x8a1c40n;
const PRCB = 0xfffff8031e2d4180n;

/** The system's own drivers: name, distance from the kernel, size, timestamp. */
const SYSTEM_DRIVERS: readonly (readonly [name: string, distance: bigint, size: number, timestamp: number])[] = [
  ["ntoskrnl.exe", 0n, 0x1046000, 0xbf639dc3],
  ["hal.dll", 0x1046000n, 0x6000, 0x8beaaa3f],
  ["kd.dll", 0x1060000n, 0xb000, 0x5d01b0c3],
  ["mcupdate_GenuineIntel.dll", 0x1070000n, 0x1f7000, 0x11ef1a0b],
  ["CLFS.SYS", 0x1280000n, 0x69000, 0x9adfa1f2],
  ["FLTMGR.SYS", 0x1320000n, 0x73000, 0x1f1c4b5a],
  ["cng.sys", 0x13b0000n, 0xbc000, 0x8f0a1d1c],
  ["Wdf01000.sys", 0x1470000n, 0xd6000, 0x5ab18c5e],
  ["ACPI.sys", 0x1560000n, 0xcc000, 0x4f7a9d10],
  ["pci.sys", 0x1640000n, 0x6e000, 0x70c4d9f9],
  ["storport.sys", 0x1730000n, 0xb8000, 0xd4f3a3e7],
  ["stornvme.sys", 0x1800000n, 0x30000, 0x68d2f3bb],
  ["Ntfs.sys", 0x1850000n, 0x2df000, 0xa9c6e9f3],
  ["NDIS.SYS", 0x1b40000n, 0x16e000, 0x9cf1f2a1],
  ["NETIO.SYS", 0x1cc0000n, 0x97000, 0x2e1c6b0d],
  ["tcpip.sys", 0x1d70000n, 0x2eb000, 0x46fa2c7c],
  ["fwpkclnt.sys", 0x2070000n, 0x7a000, 0x6d2b3a90],
  ["volsnap.sys", 0x2110000n, 0x70000, 0x2a18b7e4],
  ["disk.sys", 0x21a0000n, 0x1d000, 0x6a0a5a6f],
  ["win32k.sys", 0x5000000n, 0x9b000, 0x1c3f5b7d],
  ["win32kbase.sys", 0x50a0000n, 0x2d4000, 0x7d6e5f4c],
  ["win32kfull.sys", 0x5380000n, 0x3b5000, 0x3b2a1908],
  ["dxgkrnl.sys", 0x2400000n, 0x3a6000, 0x88776655],
];

const SYSTEM_PATH = "\\SystemRoot\\system32\\";

/** The bytes of the dump. */
export function synthCrash64(crash: SynthCrash64): Uint8Array {
  const { kernelBase: nt, style } = crash;
  const { rip = 0 } = crash.registers;
  const stack = stackOf(crash);
  const processor = crash.processor ?? { number: 0, mhz: 3600, vendor: "GenuineIntel" };
  const cpuBlock = nt + 0xc2f000n;
  const systemDrivers = SYSTEM_DRIVERS.map(([name, distance, size, timestamp], i) => ({
    name: style === "kernel" ? name : systemPath(name),
    base: nt + distance,
    size,
    timestamp,
    checksum: (size >> 1) + i * 0x517,
  }));
  return synthTriageDump(
    {
      bits: 64,
      machine: 0x8664,
      build: 19041,
      psLoadedModuleList: nt + LIST_AT,
      psActiveProcessHead: nt + PROCESS_HEAD_AT,
      kdDebuggerDataBlock: nt + KDBG_AT,
      pfnDataBase: style === "kernel" ? 0xffffaa8000000000n : nt + 0xcfc508n,
      processors: 8,
      bugcheck: crash.bugcheck,
      ...(style === "kernel"
        ? { attributes: 8, bootId: 0x2b, kdSecondaryVersion: 0x41, runs: [{ basePage: 1, pageCount: 0x9e }] }
        : {}),
      context: synthContext(
        "amd64",
        { cs: 0x10, ss: 0x18, efl: 0x40246, ...crash.registers },
        crash.contextFlags ?? 0x10005f,
      ),
      exception: { code: 0x80000003, flags: 1, address: rip },
      dumpType: 4,
      miniDumpFields: style === "kernel" ? 0xdff : 0xcff,
      requiredDumpSpace: 0x40000,
      systemTime: crash.systemTime,
      uptimeSeconds: crash.uptimeSeconds,
      suiteMask: 0x110,
    },
    {
      style,
      drivers: [...systemDrivers, ...crash.thirdParty],
      unloaded: crash.unloaded ?? [],
      stack: { address: crash.stackStart, bytes: stack },
      mm: true,
      prcb: synthStruct(SIZE_PRCB, [
        [0x08, 0xffffa40d17fb4080n, 8],
        [0x24, processor.number],
        [0x44, processor.mhz],
        [0x8590, processor.vendor],
      ]),
      process: synthStruct(SIZE_EPROCESS, [
        [0, 3, 1],
        [0x28, 0x1ad002n, 8],
        [0x30, 0xffffa40d17fb4378n, 8],
        [0x440, crash.process.pid, 8],
        [0x448, 0xffffa40d16c014c8n, 8],
        [0x450, nt + PROCESS_HEAD_AT, 8],
        [0x468, processStart(crash), 8],
        [0x4b8, 0xffffd28a01c3c06an, 8],
        [0x540, crash.process.pid === 4 ? 0 : 0x3b8, 8],
        [0x550, crash.process.pid === 4 ? 0 : 0x9c5d1f2000n, 8],
        [0x5a8, crash.process.name.slice(0, 15)],
      ]),
      thread: synthStruct(SIZE_ETHREAD, [
        [0, 6, 1],
        [0x28, crash.stackStart + BigInt(stack.length) - 0x50n, 8],
        [0x30, crash.stackStart + BigInt(stack.length) - 0x6000n, 8],
        [0x38, crash.stackStart + BigInt(stack.length), 8],
        [0x58, crash.stackStart, 8],
        [0xb8, 0xffffa40d16e4b080n, 8],
        [0x184, 2, 1],
        [0x220, 0xffffa40d16e4b080n, 8],
        [0x478, crash.process.pid, 8],
        [0x480, crash.process.tid, 8],
      ]),
      debuggerData: synthDebuggerData(0x380, debuggerFields(nt)),
      dataBlocks: [
        { address: nt + BUILD_LAB_AT, bytes: zeroTerminated("19041.1.amd64fre.vb_release.191206-1406", 0x40) },
        { address: cpuBlock, bytes: new ByteWriter().u64(PRCB).zeros(56).finish() },
        ...(crash.dataBlocks ?? []),
      ],
      ...(crash.blobs ? { blobs: crash.blobs } : {}),
      ...(crash.slack ? { slack: crash.slack } : {}),
      exactRequiredSpace: style === "kernel",
    },
  );
}

/** Start of the process: boot for System, else at most five minutes before the crash. */
function processStart(crash: SynthCrash64): bigint {
  const seconds = crash.process.pid === 4 ? crash.uptimeSeconds : Math.min(300, crash.uptimeSeconds / 2);
  return fileTime(crash.systemTime) - BigInt(Math.round(seconds * 1e7));
}

function debuggerFields(nt: bigint): SynthField[] {
  return [
    [0x18, nt, 8],
    [0x48, nt + LIST_AT, 8],
    [0x50, nt + PROCESS_HEAD_AT, 8],
    [0x208, nt + BUILD_LAB_AT, 8],
    [0x218, nt + 0xc2f000n, 8],
    [0x29a, 0xf0, 2],
    [0x29c, 0x58, 2],
    [0x29e, 0x28, 2],
    [0x2a0, 0xb8, 2],
    [0x2a2, 0x184, 2],
    [0x2a8, SIZE_EPROCESS, 2],
    [0x2aa, 0x550, 2],
    [0x2ac, 0x540, 2],
    [0x2ae, 0x28, 2],
    [0x2b0, SIZE_PRCB, 2],
    [0x2b4, 8, 2],
    [0x2b6, 0x44, 2],
    [0x2b8, 0x40, 2],
    [0x2ba, 0x8590, 2],
    [0x2be, 0x24, 2],
    [0x2c0, SIZE_ETHREAD, 2],
    [0x338, 0x85c0, 2],
    [0x340, 0x30],
    [0x344, 0x38],
    [0x35c, 0x283, 2],
  ];
}

function stackOf(crash: SynthCrash64): Uint8Array {
  const bytes = new Uint8Array(crash.stackSize ?? 0xa00);
  const view = new DataView(bytes.buffer);
  for (const [distance, value] of crash.words) view.setBigUint64(distance, value, true);
  for (const [distance, part] of crash.stackParts ?? []) bytes.set(part, distance);
  return bytes;
}

/** A KTRAP_FRAME of x64: what KiPageFault leaves on the stack (0x190 bytes). */
export function synthTrapFrame64(fields: {
  readonly rip: bigint;
  readonly rsp: bigint;
  readonly rbp?: bigint;
  readonly rax?: bigint;
  readonly rcx?: bigint;
  readonly rdx?: bigint;
  readonly faultAddress: bigint;
  readonly previousIrql?: number;
}): Uint8Array {
  return synthStruct(0x190, [
    [0x29, fields.previousIrql ?? 0, 1],
    [0x30, fields.rax ?? 0n, 8],
    [0x38, fields.rcx ?? 0n, 8],
    [0x40, fields.rdx ?? 0n, 8],
    [0xd0, fields.faultAddress, 8],
    [0x158, fields.rbp ?? 0n, 8],
    [0x160, 0n, 8],
    [0x168, fields.rip, 8],
    [0x170, 0x10, 8],
    [0x178, 0x10246, 8],
    [0x180, fields.rsp, 8],
    [0x188, 0x18, 8],
  ]);
}

function systemPath(name: string): string {
  const folder = /\.sys$/i.test(name) && !/^win32k/.test(name) ? "drivers\\" : "";
  return `${SYSTEM_PATH}${folder}${name}`;
}

function zeroTerminated(text: string, size: number): Uint8Array {
  return new ByteWriter().ascii(text, size).finish();
}

/** Code bytes around an instruction: `hex` begins `before` bytes in front of the address. */
export function codeBlock(address: bigint, before: number, hex: string): SynthBlock {
  return { address: address - BigInt(before), bytes: hexBytes(hex) };
}
