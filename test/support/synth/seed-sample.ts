import { ByteWriter, hexBytes } from "./byte-writer.ts";
import { synthContext } from "./contexts.ts";
import { type SynthDriver, synthDebuggerData, synthStruct, synthTriageDump } from "./synth-kernel.ts";

/**
 * The Registry_File_Failure sample of the field's manuals as a dump: a 32-bit XP SP1 triage dump whose
 * facts are those of the printed analysis. What the text does not say (driver addresses, sizes) is invented.
 */

const KERNEL_BASE = 0x804d4000;
const LIST_HEAD = 0x80543530;
const DEBUGGER_DATA = 0x80540380;
const BUILD_LAB = 0x8052c1a0;
const STACK_START = 0xf96f0858;
const STACK_END = 0xf96f1000;
/** Instruction pointers: nt!KeBugCheckEx+0x19 and the one after it, nt!ExRaiseHardError+0x13c. */
const EIP = 0x804f4103;
const FOLLOWUP = 0x805ea21c;

/** The frames of STACK_TEXT: EBP, return address, three arguments. Each EBP links to the next. */
export const SEED_FRAMES: readonly (readonly [number, number, number, number, number])[] = [
  [0xf96f0870, 0x8062be87, 0x0000004c, 0xc0000218, 0xf96f09d4],
  [0xf96f0a20, 0x805e9f96, 0xc0000218, 0x00000001, 0x00000001],
  [0xf96f0bcc, 0x805ea21c, 0xc0000218, 0x00000001, 0x00000001],
  [0xf96f0c3c, 0x805fb94c, 0xc0000218, 0x00000001, 0x00000001],
  [0xf96f0dac, 0x805aa2b6, 0x00000000, 0x00000000, 0x00000000],
  [0xf96f0ddc, 0x805319c6, 0x805fb7e2, 0x00000001, 0x00000000],
];

/** The drivers of a small XP machine, one for each dot of "Loading Kernel Symbols" (49). */
const DRIVERS: readonly (readonly [name: string, base: number, size: number])[] = [
  ["ntoskrnl.exe", KERNEL_BASE, 0x214000],
  ["hal.dll", 0x806e8000, 0x13d80],
  ["kdcom.dll", 0xf9a0d000, 0x1b80],
  ["BOOTVID.dll", 0xf991d000, 0x2880],
  ["ACPI.sys", 0xf94e6000, 0x2a000],
  ["WMILIB.SYS", 0xf9a0f000, 0x1080],
  ["pci.sys", 0xf94d5000, 0x10400],
  ["isapnp.sys", 0xf950d000, 0x8480],
  ["intelide.sys", 0xf9a11000, 0x1080],
  ["PCIIDEX.SYS", 0xf978d000, 0x5d00],
  ["MountMgr.sys", 0xf951d000, 0x9400],
  ["ftdisk.sys", 0xf94b6000, 0x1e780],
  ["dmload.sys", 0xf9a13000, 0x1700],
  ["dmio.sys", 0xf9491000, 0x24580],
  ["PartMgr.sys", 0xf9795000, 0x4500],
  ["VolSnap.sys", 0xf952d000, 0xbf80],
  ["atapi.sys", 0xf947b000, 0x15600],
  ["disk.sys", 0xf953d000, 0x8000],
  ["CLASSPNP.SYS", 0xf954d000, 0xb500],
  ["sr.sys", 0xf9467000, 0x13a00],
  ["PxHelp20.sys", 0xf979d000, 0x5000],
  ["KSecDD.sys", 0xf9453000, 0x14000],
  ["Ntfs.sys", 0xf93cb000, 0x88000],
  ["NDIS.sys", 0xf939f000, 0x2b200],
  ["Mup.sys", 0xf9385000, 0x19800],
  ["agp440.sys", 0xf955d000, 0x9c00],
  ["i8042prt.sys", 0xf96dd000, 0xbd80],
  ["kbdclass.sys", 0xf980d000, 0x5b80],
  ["mouclass.sys", 0xf9815000, 0x5880],
  ["fdc.sys", 0xf981d000, 0x6700],
  ["serial.sys", 0xf971d000, 0xee00],
  ["serenum.sys", 0xf99e1000, 0x3d00],
  ["parport.sys", 0xf9360000, 0x12d00],
  ["imapi.sys", 0xf972d000, 0x9480],
  ["cdrom.sys", 0xf973d000, 0xb680],
  ["redbook.sys", 0xf974d000, 0xc900],
  ["ks.sys", 0xf933d000, 0x22880],
  ["usbuhci.sys", 0xf9825000, 0x5000],
  ["USBPORT.SYS", 0xf931a000, 0x22380],
  ["audstub.sys", 0xf9b2c000, 0xb80],
  ["rasl2tp.sys", 0xf975d000, 0xc200],
  ["ndistapi.sys", 0xf99e9000, 0x2180],
  ["ndiswan.sys", 0xf9303000, 0x16280],
  ["raspppoe.sys", 0xf976d000, 0x9e00],
  ["raspptp.sys", 0xf977d000, 0xb880],
  ["termdd.sys", 0xf959d000, 0x9c80],
  ["swenum.sys", 0xf9a2b000, 0x1100],
  ["update.sys", 0xf92a9000, 0x5a000],
  ["NDProxy.SYS", 0xf95ad000, 0x9c80],
];

/** The bytes of the dump: always the same. */
export function seedSampleDump(): Uint8Array {
  const drivers: SynthDriver[] = DRIVERS.map(([name, base, size], i) => ({
    name,
    base,
    size,
    timestamp: i === 0 ? 0x3ea80977 : 0x3d6de000 + i * 0x1f3,
    checksum: 0x10000 + i * 0x39d,
  }));
  return synthTriageDump(
    {
      bits: 32,
      machine: 0x14c,
      build: 2600,
      psLoadedModuleList: LIST_HEAD,
      psActiveProcessHead: 0x80545578,
      kdDebuggerDataBlock: DEBUGGER_DATA,
      paeEnabled: false,
      bugcheck: { code: 0xc0000218, args: [0xe144c418, 0, 0, 0] },
      context: synthContext("x86", {
        eip: EIP,
        esp: STACK_START,
        ebp: 0xf96f0870,
        ebx: 0x4c,
        edi: 0xc0000218,
        esi: 0xf96f09d4,
        cs: 8,
        ss: 0x10,
        ds: 0x23,
        es: 0x23,
        fs: 0x30,
        efl: 0x246,
      }),
      exception: { code: 0x80000003, flags: 1, address: EIP },
      dumpType: 4,
      miniDumpFields: 0xcff,
      suiteMask: 0x110,
      productType: 1,
      systemTime: "2004-06-11T10:22:46Z",
      uptimeSeconds: 24.187,
    },
    {
      servicePackBuild: 0x100,
      style: "kernel",
      drivers,
      unloaded: [],
      stack: { address: STACK_START, bytes: seedStack() },
      prcb: synthStruct(0xc50, [
        [0, 1, 2],
        [2, 1, 2],
        [0x04, 0x81fd5020],
        [0x0c, 0x80548dc0],
        [0x10, 0, 1],
        [0x18, 6, 1],
        [0x900, "GenuineIntel"],
        [0x910, 1993],
      ]),
      process: synthStruct(0x258, [
        [0x00, 0x001b0003],
        [0x18, 0x39000],
        [0x50, 0x81fd51d0],
        [0x84, 4],
        [0x88, 0x81e6a0a8],
        [0x8c, 0x80545578],
        [0x190, 0x81fd524c],
        [0x174, "System"],
      ]),
      thread: synthStruct(0x258, [
        [0x00, 0x006f0006],
        [0x18, STACK_END - 0x200],
        [0x1c, STACK_END - 0x3000],
        [0x28, STACK_START],
        [0x44, 0x81fd67c0],
        [0x168, STACK_END],
        [0x1ec, 4],
        [0x1f0, 0x34],
        [0x224, 0x805fb7e2],
      ]),
      debuggerData: synthDebuggerData(0x290, [
        [0x18, 0xffffffff00000000n + BigInt(KERNEL_BASE), 8],
        [0x48, 0xffffffff00000000n + BigInt(LIST_HEAD), 8],
        [0x50, 0xffffffff80545578n, 8],
        [0x208, 0xffffffff00000000n + BigInt(BUILD_LAB), 8],
      ]),
      dataBlockStride: 16,
      dataBlocks: [
        { address: BUILD_LAB, bytes: new ByteWriter().ascii("2600.xpsp2.030422-1633", 32).finish() },
        { address: FOLLOWUP - 5, bytes: hexBytes("e8 e3fcffff 837dfc00 7409 ff75fc e8 10b2f0ff") },
        { address: EIP - 5, bytes: hexBytes("e8 10e0ffff 5d c21400 cccccccccc") },
        { address: 0xe144c418, bytes: new ByteWriter().u16(0x48).u16(0x4a).u32(0xe144c428).finish() },
      ],
      fixedSize: 0x10000,
    },
  );
}

function seedStack(): Uint8Array {
  const view = new DataView(new ArrayBuffer(STACK_END - STACK_START));
  const put = (address: number, value: number): void => view.setUint32(address - STACK_START, value, true);
  for (const [i, [ebp, ...rest]] of SEED_FRAMES.entries()) {
    put(ebp, SEED_FRAMES[i + 1]?.[0] ?? 0);
    for (const [k, value] of rest.entries()) put(ebp + 4 + k * 4, value);
  }
  return new Uint8Array(view.buffer);
}
