import { ByteWriter } from "./byte-writer.ts";
import { synthContext } from "./contexts.ts";
import { codeBlock, synthCrash64, synthTrapFrame64 } from "./kernel-x64.ts";
import { synthStruct } from "./synth-kernel.ts";

/** Kernel dumps of `examples/`. Driver, process and product names are invented. */

/** What differs between two machines that hit the same fault. */
interface Machine {
  readonly kernelBase: bigint;
  readonly driverBase: bigint;
  readonly stackStart: bigint;
  readonly process: { readonly name: string; readonly pid: number; readonly tid: number };
  readonly systemTime: string;
  readonly uptimeSeconds: number;
  readonly badAddress: bigint;
  readonly mhz: number;
}

/** DRIVER_IRQL_NOT_LESS_OR_EQUAL in a network filter: read of paged memory at DISPATCH_LEVEL. */
function nightjar(machine: Machine): Uint8Array {
  const { kernelBase: nt, driverBase, stackStart: sp } = machine;
  const rip = driverBase + 0x4b1en;
  return synthCrash64({
    bugcheck: { code: 0xd1, args: [machine.badAddress, 2, 0, rip] },
    style: "kernel",
    kernelBase: nt,
    thirdParty: [
      { name: "nightjarnet.sys", base: driverBase, size: 0x2c000, timestamp: 0x63f1c2a4, checksum: 0x31c5e },
      { name: "emberaudio.sys", base: driverBase + 0x40000n, size: 0x18000, timestamp: 0x61b0a7d1, checksum: 0x1f2b0 },
    ],
    process: machine.process,
    processor: { number: 3, mhz: machine.mhz, vendor: "GenuineIntel" },
    systemTime: machine.systemTime,
    uptimeSeconds: machine.uptimeSeconds,
    registers: {
      rip: nt + 0x3f8f60n,
      rsp: sp,
      rbp: sp + 0x1c0n,
      rcx: 0xd1,
      rdx: machine.badAddress,
      r8: 2,
      r9: 0,
      r10: rip,
    },
    stackStart: sp,
    words: [
      [0x00, nt + 0x40b269n],
      [0x08, 0xan],
      [0x10, machine.badAddress],
      [0x18, 2n],
      [0x20, 0n],
      [0x28, rip],
      [0x138, nt + 0x40756bn],
      [0x2d8, driverBase + 0x4b1en],
      [0x308, driverBase + 0x39f2n],
      [0x348, driverBase + 0x1d70n],
      [0x3a8, nt + 0x1b5e0b2n],
      [0x408, nt + 0x1d8a3c4n],
      [0x508, nt + 0x2ba9cen],
      [0x568, nt + 0x3fcbden],
    ],
    stackParts: [
      [
        0x140,
        synthTrapFrame64({
          rip,
          rsp: sp + 0x2d0n,
          rbp: sp + 0x340n,
          rax: machine.badAddress,
          rcx: 0xffffa40d1a2b3000n,
          faultAddress: machine.badAddress,
          previousIrql: 2,
        }),
      ],
    ],
    dataBlocks: [codeBlock(rip, 14, "488b4a10 4885c9 7412 4c8b4108 90 8b4118 89442420 488bcb e8d1faffff 488b5c2460")],
    unloaded: [
      { name: "dump_stornvm", start: nt + 0x6000000n, end: nt + 0x6030000n },
      { name: "hwpolicy.sys", start: nt + 0x6100000n, end: nt + 0x6110000n },
      { name: "nightjardiag", start: driverBase - 0x20000n, end: driverBase - 0x12000n },
    ],
    blobs: [{ tag: new Uint8Array(16).fill(0x5a), data: new ByteWriter().ascii("example").finish() }],
  });
}

/** SYSTEM_SERVICE_EXCEPTION in a file-system filter: an access violation below a system call. */
function lumen(): Uint8Array {
  const nt = 0xfffff80261e00000n;
  const driverBase = 0xfffff80268a10000n;
  const rip = driverBase + 0x8c3an;
  const sp = 0xffffc38a9f5ae1b8n;
  const contextAt = sp + 0x700n;
  const context = synthContext("amd64", {
    rip,
    rsp: sp + 0x1200n - 0x400n,
    rbp: sp + 0xc80n,
    rcx: 0,
    rdx: 0xffffe38b02c41aa0n,
    rbx: 0xffffe38b05a77010n,
    r8: 0x20,
    cs: 0x10,
    ss: 0x18,
    efl: 0x50202,
  });
  return synthCrash64({
    bugcheck: { code: 0x3b, args: [0xc0000005, rip, contextAt, 0] },
    style: "dbgeng",
    kernelBase: nt,
    thirdParty: [
      {
        name: "\\SystemRoot\\System32\\drivers\\lumenfs.sys",
        base: driverBase,
        size: 0x3a000,
        timestamp: 0x64ab3390,
        checksum: 0x42a17,
      },
    ],
    process: { name: "lumenindexer.ex", pid: 0x1f3c, tid: 0x2a04 },
    processor: { number: 5, mhz: 3693, vendor: "AuthenticAMD" },
    systemTime: "2025-03-14T09:26:53Z",
    uptimeSeconds: 81_274.519,
    registers: { rip: nt + 0x3f8f60n, rsp: sp, rbp: sp + 0x700n, rcx: 0x3b, rdx: 0xc0000005, r8: rip, r9: contextAt },
    stackStart: sp,
    stackSize: 0x1200,
    words: [
      [0x00, nt + 0x40b269n],
      [0x08, 0x3bn],
      [0x10, 0xc0000005n],
      [0x18, rip],
      [0x20, contextAt],
      [0x138, nt + 0x40a6bcn],
      [0x178, nt + 0x401dffn],
      [0x1a8, nt + 0x2d4f87n],
      [0xe08, driverBase + 0x8411n],
      [0xe78, nt + 0x18a24c6n],
      [0xf08, nt + 0x62bcf9n],
      [0xfb8, nt + 0x40a9c5n],
    ],
    stackParts: [
      [0x700, context],
      [
        0xbe0,
        synthStruct(0x98, [
          [0, 0xc0000005],
          [0x10, rip, 8],
          [0x18, 2],
          [0x20, 0n, 8],
          [0x28, 0x58n, 8],
        ]),
      ],
    ],
    dataBlocks: [codeBlock(rip, 10, "4c8b4220 4d85c0 740e 90 488b4158 4883c428 c3cccccccccc")],
    unloaded: [{ name: "lumenscan.sy", start: driverBase + 0x80000n, end: driverBase + 0x8c000n }],
  });
}

/** File name → bytes. */
export const KERNEL_EXAMPLES: Readonly<Record<string, () => Uint8Array>> = {
  "kernel-x64-d1-nightjar-desk.dmp": () =>
    nightjar({
      kernelBase: 0xfffff8041e800000n,
      driverBase: 0xfffff80426710000n,
      stackStart: 0xfffffd827df39d88n,
      process: { name: "System", pid: 4, tid: 0x1d8 },
      systemTime: "2025-02-03T17:42:08Z",
      uptimeSeconds: 110.992,
      badAddress: 0xffffe70c9a2f0018n,
      mhz: 3600,
    }),
  "kernel-x64-d1-nightjar-laptop.dmp": () =>
    nightjar({
      kernelBase: 0xfffff80757200000n,
      driverBase: 0xfffff8075f0c0000n,
      stackStart: 0xffff8b8a31c5e6a8n,
      process: { name: "ferrysync.exe", pid: 0x16a0, tid: 0x2514 },
      systemTime: "2025-02-05T06:11:37Z",
      uptimeSeconds: 20_413.75,
      badAddress: 0xffffb88102c87018n,
      mhz: 2592,
    }),
  "kernel-x64-3b-lumenfs.dmp": lumen,
};
