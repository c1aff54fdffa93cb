import type { FetchedBytes } from "../../bytes/block-cache.ts";
import type { RecordOf } from "../../bytes/layout.ts";
import type { CpuArch } from "../address.ts";
import { MAX_CONTEXT_BYTES, readContext } from "../context/context.ts";
import type { CpuContext } from "../cpu-context.ts";
import type { DumpBugcheck, DumpException, DumpKernel, DumpKind, DumpSystem } from "../dump.ts";
import { DumpError } from "../errors.ts";
import { filetimeToMillis, textUnlessFill, unlessFill, unlessFillWide } from "./fill.ts";
import {
  DUMP_ATTRIBUTES,
  DUMP_HEADER32,
  DUMP_HEADER64,
  DUMP_SIGNATURE,
  EXCEPTION_RECORD32,
  EXCEPTION_RECORD64,
  VALID_DUMP32,
  VALID_DUMP64,
} from "./format.ts";

/** The fields that both headers have. */
type HeaderRecord = Pick<RecordOf<typeof DUMP_HEADER32>, keyof RecordOf<typeof DUMP_HEADER64>>;

/** DumpType 4: what this reader reads beyond the header. */
export const TRIAGE_DUMP_TYPE = 4;

/** LIVE_SYSTEM_DUMP: the stop code of a dump of a system that did not crash. */
const LIVE_SYSTEM_DUMP = 0x161;

const KINDS: Readonly<Record<number, DumpKind>> = {
  1: "kernel-full",
  2: "kernel-summary",
  3: "kernel-header",
  4: "kernel-triage",
  5: "kernel-bitmap-full",
  6: "kernel-bitmap-kernel",
  7: "kernel-bitmap-kernel",
  8: "kernel-memory",
  9: "kernel-and-user",
  10: "kernel-complete",
};

/** IMAGE_FILE_MACHINE_* of kernels that exist. */
const MACHINES: Readonly<Record<number, CpuArch>> = {
  332: "x86",
  34404: "amd64",
  43620: "arm64",
  452: "arm",
  512: "ia64",
};

/** A kernel dump's header with what follows from it. */
export interface KernelHeader {
  readonly record: HeaderRecord;
  readonly format: "PAGEDUMP" | "PAGEDU64";
  readonly pointerSize: 4 | 8;
  /** Bytes of the header: where the next record starts. */
  readonly size: number;
  readonly cpu: CpuArch;
  readonly kind: DumpKind;
  readonly attributes: number | undefined;
}

/**
 * Reads the header at the start of the file.
 * @throws DumpError `dump.truncated-header`, `dump.corrupt-header`, or `dump.encrypted`
 */
export function readKernelHeader(bytes: FetchedBytes): KernelHeader {
  const start = bytes.upTo(0, 8);
  const view = new DataView(start.buffer, start.byteOffset, start.length);
  const valid = start.length === 8 && view.getUint32(0, true) === DUMP_SIGNATURE ? view.getUint32(4, true) : 0;
  if (valid !== VALID_DUMP32 && valid !== VALID_DUMP64) {
    throw new DumpError("dump.corrupt-header", "the file does not start with PAGEDUMP or PAGEDU64");
  }
  const layout = valid === VALID_DUMP64 ? DUMP_HEADER64 : DUMP_HEADER32;
  if (bytes.size < layout.size) {
    throw new DumpError("dump.truncated-header", "the file ends inside the header of a kernel dump", {
      expected: layout.size,
      actual: bytes.size,
    });
  }
  const record: HeaderRecord = layout.from(bytes.bytes(0, layout.size));
  const attributes = attributesOf(record.Attributes, valid === VALID_DUMP64);
  const { EncryptedDumpData, DecryptedDump } = DUMP_ATTRIBUTES;
  if (((attributes ?? 0) & (EncryptedDumpData | DecryptedDump)) === EncryptedDumpData) {
    throw new DumpError("dump.encrypted", "the dump is encrypted: decrypt it with its key first", {
      offset: DUMP_HEADER64.offsetOf("Attributes"),
      actual: record.Attributes,
    });
  }
  return {
    record,
    format: valid === VALID_DUMP64 ? "PAGEDU64" : "PAGEDUMP",
    pointerSize: valid === VALID_DUMP64 ? 8 : 4,
    size: layout.size,
    cpu: MACHINES[record.MachineImageType] ?? "unknown",
    kind: kindOf(record),
    attributes,
  };
}

/** 32-bit headers have the field on newer systems only: there a value that is no set of known bits is none. */
function attributesOf(value: number, wide: boolean): number | undefined {
  const known = wide || (value > 0 && value < 2 * DUMP_ATTRIBUTES.DecryptedDump);
  return known ? unlessFill(value) : undefined;
}

function kindOf(record: HeaderRecord): DumpKind {
  const live = record.BugCheckCode === LIVE_SYSTEM_DUMP;
  return live && record.DumpType !== TRIAGE_DUMP_TYPE ? "kernel-live" : (KINDS[record.DumpType] ?? "kernel-unknown");
}

/** Registers that the header holds; undefined for CPUs without a reader and where the field is fill. */
export function headerContext(header: KernelHeader): CpuContext | undefined {
  return readContext(header.cpu, header.record.ContextRecord.subarray(0, MAX_CONTEXT_BYTES));
}

/**
 * The header's exception record. After a bug check it is a breakpoint in the kernel, not the fault.
 * Its parameters end where the writer stopped, whatever NumberParameters says.
 */
export function headerException(header: KernelHeader): DumpException | undefined {
  const { ExceptionCode, ExceptionFlags, ExceptionAddress, NumberParameters, ExceptionInformation } =
    header.record.Exception;
  const code = unlessFill(ExceptionCode);
  const address = unlessFillWide(ExceptionAddress);
  if (code === undefined || address === undefined || (code === 0 && address === 0n)) return undefined;
  const count = NumberParameters <= ExceptionInformation.length ? NumberParameters : 0;
  return {
    code,
    flags: unlessFill(ExceptionFlags) ?? 0,
    address,
    parameters: ExceptionInformation.slice(0, count),
  };
}

/** The stop code and its four arguments; undefined where nothing was set. */
export function headerBugcheck(header: KernelHeader): DumpBugcheck | undefined {
  const code = unlessFill(header.record.BugCheckCode);
  if (code === undefined) return undefined;
  const [p1 = 0n, p2 = 0n, p3 = 0n, p4 = 0n] = header.record.BugCheckParameters.map((p) => unlessFillWide(p) ?? 0n);
  return { code, parameters: [p1, p2, p3, p4] };
}

/** What the header says about the kernel. */
export function headerKernel(header: KernelHeader): DumpKernel {
  const { record, attributes } = header;
  const comment = textUnlessFill(record.Comment);
  const debuggerDataBlock = unlessFillWide(record.KdDebuggerDataBlock);
  return {
    loadedModuleList: record.PsLoadedModuleList,
    activeProcessHead: record.PsActiveProcessHead,
    directoryTableBase: record.DirectoryTableBase,
    pfnDatabase: record.PfnDataBase,
    majorVersion: record.MajorVersion,
    minorVersion: record.MinorVersion,
    ...(debuggerDataBlock ? { debuggerDataBlock } : {}),
    ...(attributes === undefined ? {} : { attributes }),
    ...(comment === undefined ? {} : { comment }),
  };
}

/** Version numbers of the builds that kernels had: from this build on. */
const NT_VERSIONS: ReadonlyArray<readonly [build: number, version: string]> = [
  [9841, "10.0"],
  [9600, "6.3"],
  [9200, "6.2"],
  [7600, "6.1"],
  [6000, "6.0"],
  [3790, "5.2"],
  [2600, "5.1"],
  [2195, "5.0"],
];

/**
 * System facts of the header.
 * @param servicePack TRIAGE_DUMP.ServicePackBuild: the service pack in the second byte, 0 when there is none
 */
export function headerSystem(header: KernelHeader, servicePack = 0): DumpSystem {
  const { record } = header;
  const build = unlessFill(record.MinorVersion);
  const version = build === undefined ? undefined : NT_VERSIONS.find(([from]) => build >= from)?.[1];
  const pack = servicePack > 0xff && servicePack <= 0xffff ? ` Service Pack ${servicePack >> 8}` : "";
  const cpuCount = unlessFill(record.NumberProcessors);
  const productType = unlessFill(record.ProductType);
  const suiteMask = unlessFill(record.SuiteMask);
  return {
    os: "Windows NT",
    ...(version === undefined ? {} : { osVersion: `${version}.${build}${pack}` }),
    ...(build === undefined ? {} : { osBuild: build }),
    ...(cpuCount ? { cpuCount } : {}),
    ...(productType ? { productType } : {}),
    ...(suiteMask === undefined ? {} : { suiteMask }),
  };
}

/** The dump's own clock and the seconds since boot. */
export function headerTimes(header: KernelHeader): { created?: number; uptimeSeconds?: number } {
  const time = unlessFillWide(header.record.SystemTime);
  const created = time === undefined ? undefined : filetimeToMillis(time);
  const up = unlessFillWide(header.record.SystemUpTime);
  return {
    ...(created === undefined ? {} : { created }),
    // Beyond a century it is damage, not an uptime.
    ...(up === undefined || up > 31_536_000_000_000_000n ? {} : { uptimeSeconds: Number(up) / 1e7 }),
  };
}

/** File place of the header's own records. */
export function headerPlaces(header: KernelHeader): {
  context: { offset: number; size: number };
  exception: { offset: number; size: number };
} {
  return header.pointerSize === 8
    ? {
        context: { offset: DUMP_HEADER64.offsetOf("ContextRecord"), size: 3000 },
        exception: { offset: DUMP_HEADER64.offsetOf("Exception"), size: EXCEPTION_RECORD64.size },
      }
    : {
        context: { offset: DUMP_HEADER32.offsetOf("ContextRecord"), size: 1200 },
        exception: { offset: DUMP_HEADER32.offsetOf("Exception"), size: EXCEPTION_RECORD32.size },
      };
}
