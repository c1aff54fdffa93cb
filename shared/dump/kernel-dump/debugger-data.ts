import { dataView, type FieldType, u16, u32 } from "../../bytes/layout.ts";
import { truncateToPointer, type VirtualAddress, va64 } from "../address.ts";

/**
 * KDDEBUGGER_DATA64 ("KDBG"): the kernel's own table for debuggers, of the same form on every CPU.
 * It grew with each system, so a field counts only when it lies inside Header.Size.
 */

/** `KDBG`: OwnerTag of the block. */
const OWNER_TAG = 0x4742444b;
/** Header: list entry, tag, size. */
const HEADER_BYTES = 0x18;
/** The largest block seen is 0x3A0 bytes; a size far above it is damage. */
const MAX_BYTES = 0x1000;

/** Fields that hold a value rather than the address of a kernel variable, and the few variables that we read. */
const FIELDS = {
  KernBase: [0x18, va64],
  PsLoadedModuleList: [0x48, va64],
  PsActiveProcessHead: [0x50, va64],
  NtBuildLab: [0x208, va64],
  KiProcessorBlock: [0x218, va64],
  MmUnloadedDrivers: [0x220, va64],
  MmLastUnloadedDriver: [0x228, va64],
  OffsetKThreadTeb: [0x29a, u16],
  OffsetKThreadKernelStack: [0x29c, u16],
  OffsetKThreadApcProcess: [0x2a0, u16],
  SizeEProcess: [0x2a8, u16],
  OffsetEprocessPeb: [0x2aa, u16],
  OffsetEprocessParentCID: [0x2ac, u16],
  OffsetEprocessDirectoryTableBase: [0x2ae, u16],
  SizePrcb: [0x2b0, u16],
  OffsetPrcbCurrentThread: [0x2b4, u16],
  OffsetPrcbMhz: [0x2b6, u16],
  OffsetPrcbCpuType: [0x2b8, u16],
  OffsetPrcbVendorString: [0x2ba, u16],
  OffsetPrcbProcStateContext: [0x2bc, u16],
  OffsetPrcbProcStateSpecialReg: [0x2f2, u16],
  OffsetPrcbNumber: [0x2be, u16],
  SizeEThread: [0x2c0, u16],
  OffsetPcrContainedPrcb: [0x2e6, u16],
  OffsetPrcbContext: [0x338, u16],
  OffsetKThreadStackLimit: [0x340, u32],
  OffsetKThreadStackBase: [0x344, u32],
  OffsetPrcbIdleThread: [0x350, u16],
  OffsetPrcbDpcStack: [0x354, u16],
  OffsetPrcbIsrStack: [0x356, u16],
} as const;

/** Names of the fields that {@link DebuggerData} gives. */
export type DebuggerDataField = keyof typeof FIELDS;

/** Fields whose value is an address; the others are offsets and sizes in bytes. */
type AddressField =
  | "KernBase"
  | "PsLoadedModuleList"
  | "PsActiveProcessHead"
  | "NtBuildLab"
  | "KiProcessorBlock"
  | "MmUnloadedDrivers"
  | "MmLastUnloadedDriver";

/** A KDBG block, decoded. */
export interface DebuggerData {
  /** Header.Size, bytes. */
  readonly size: number;
  /** Absent when the block is too short for it or it is zero. */
  address(field: AddressField): VirtualAddress | undefined;
  /** Offset or size in bytes; absent when the block is too short for it or it is zero. */
  value(field: Exclude<DebuggerDataField, AddressField>): number | undefined;
}

/**
 * Reads a KDBG block.
 * @param pointerSize addresses of 32-bit systems are sign-extended in the block and cut back here
 * @returns undefined when it does not start with the tag: encoded, filled or damaged
 */
export function readDebuggerData(bytes: Uint8Array, pointerSize: 4 | 8): DebuggerData | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = dataView(bytes);
  const size = view.getUint32(0x14, true);
  if (view.getUint32(0x10, true) !== OWNER_TAG || size < HEADER_BYTES || size > MAX_BYTES) return undefined;
  const end = Math.min(size, bytes.length);
  const read = <T>([offset, type]: readonly [number, FieldType<T>]): T | undefined =>
    offset + type.size <= end ? type.read(view, offset) : undefined;
  return {
    size,
    address: (field) => {
      const value = read(FIELDS[field]);
      return value ? truncateToPointer(value, pointerSize) : undefined;
    },
    value: (field) => read<number>(FIELDS[field]) || undefined,
  };
}
