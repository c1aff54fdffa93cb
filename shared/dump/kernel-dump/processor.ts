import { dataView } from "../../bytes/layout.ts";
import type { CpuArch } from "../address.ts";
import type { DumpProcessor } from "../dump.ts";
import type { DebuggerData } from "./debugger-data.ts";
import { asciiText } from "./fill.ts";
import type { StructureOffsets } from "./offsets.ts";

/** VendorString holds 12 characters and a NUL. */
const VENDOR_BYTES = 13;
/** Kernels know at most 2048 processors. */
const MAX_PROCESSORS = 2048;
const MAX_MHZ = 20_000;
/** KPRCB.Number has a byte before this build and four from it on. */
const WIDE_NUMBER_BUILD = 7600;

/** KSPECIAL_REGISTERS of x64 up to Cr8, in bytes. */
export const SPECIAL_BYTES = 0xa8;
/** CR0.PG and CR0.PE: a running kernel has both, so registers without them were never saved. */
const PAGING = 0x8000_0001n;
/** CR8 holds the IRQL of an x64 processor in its four bits. */
const CR8 = 0xa0;
const MAX_IRQL = 15n;

/** Facts of the processor whose PRCB is in the dump. */
export interface ProcessorFacts {
  readonly processor: DumpProcessor;
  /** `family 23 model 113 stepping 0`, the form rust-minidump prints. */
  readonly cpuInfo?: string;
}

/** Fields of a PRCB as they stand; what was not found is absent. */
export interface ProcessorFields {
  readonly number: number | undefined;
  readonly mhz: number | undefined;
  /** VendorString, 13 bytes. */
  readonly vendor: Uint8Array | undefined;
  /** CpuType, CpuID, stepping and model: four bytes in a row. */
  readonly cpuType: number | undefined;
  /** KSPECIAL_REGISTERS as saved when the system stopped, before the IRQL was raised for that; {@link SPECIAL_BYTES} of x64. */
  readonly special?: Uint8Array | undefined;
}

/** Reads the copy of the PRCB by KDBG's offsets, else by the table; what is not plausible is absent. */
export function readProcessor(
  prcb: Uint8Array,
  cpu: CpuArch,
  build: number,
  kdbg: DebuggerData | undefined,
  offsets: StructureOffsets | undefined,
): ProcessorFacts {
  const view = dataView(prcb);
  const u32At = (offset: number | undefined): number | undefined =>
    offset !== undefined && offset + 4 <= prcb.length ? view.getUint32(offset, true) : undefined;
  const vendorAt = kdbg?.value("OffsetPrcbVendorString") ?? offsets?.vendorString;
  const specialAt = kdbg?.value("OffsetPrcbProcStateSpecialReg");
  const fields: ProcessorFields = {
    number: u32At(kdbg?.value("OffsetPrcbNumber") ?? offsets?.prcbNumber),
    mhz: u32At(kdbg?.value("OffsetPrcbMhz") ?? offsets?.mhz),
    vendor: vendorAt === undefined ? undefined : prcb.subarray(vendorAt, vendorAt + VENDOR_BYTES),
    cpuType: u32At(kdbg?.value("OffsetPrcbCpuType") ?? offsets?.cpuType),
    special: specialAt === undefined ? undefined : prcb.subarray(specialAt, specialAt + SPECIAL_BYTES),
  };
  return processorFacts(fields, cpu, build);
}

/** What the fields say as far as it is plausible. */
export function processorFacts(fields: ProcessorFields, cpu: CpuArch, build: number): ProcessorFacts {
  const { number, mhz } = fields;
  const vendor = fields.vendor && vendorText(fields.vendor);
  const numberOnly = number === undefined || build >= WIDE_NUMBER_BUILD ? number : number & 0xff;
  const cpuInfo = cpuSignature(fields.cpuType, cpu);
  const irql = cpu === "amd64" ? savedIrql(fields.special) : undefined;
  return {
    processor: {
      ...(numberOnly === undefined || numberOnly >= MAX_PROCESSORS ? {} : { number: numberOnly }),
      ...(vendor === undefined ? {} : { vendor }),
      ...(mhz === undefined || mhz === 0 || mhz > MAX_MHZ ? {} : { mhz }),
      ...(irql === undefined ? {} : { irql }),
    },
    ...(cpuInfo === undefined ? {} : { cpuInfo }),
  };
}

function savedIrql(special: Uint8Array | undefined): number | undefined {
  if (!special || special.length < SPECIAL_BYTES) return undefined;
  const view = dataView(special);
  const level = view.getBigUint64(CR8, true);
  return (view.getBigUint64(0, true) & PAGING) === PAGING && level <= MAX_IRQL ? Number(level) : undefined;
}

function vendorText(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  const text = end < 0 ? bytes : bytes.subarray(0, end);
  const printable = text.length >= 4 && text.every((byte) => byte >= 0x20 && byte < 0x7f);
  return printable ? asciiText(text) : undefined;
}

/** CpuType, CpuID, stepping and model stand in four bytes in a row. */
function cpuSignature(word: number | undefined, cpu: CpuArch): string | undefined {
  if (word === undefined || (cpu !== "amd64" && cpu !== "x86")) return undefined;
  const [family, hasCpuid, stepping, model] = [word & 0xff, (word >> 8) & 0xff, (word >> 16) & 0xff, word >>> 24];
  return hasCpuid === 1 && family > 0 ? `family ${family} model ${model} stepping ${stepping}` : undefined;
}
