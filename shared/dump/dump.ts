import type { CpuArch, VirtualAddress } from "./address.ts";
import type { CpuContext } from "./cpu-context.ts";
import type { Memory } from "./memory.ts";
import type { DumpSecondaryData } from "./secondary-data.ts";
import type { DumpSharedData } from "./shared-data.ts";

/**
 * One shape for both dump formats: what stack walking, symbols and triage see.
 * Everything a dump may lack is optional; absent means absent, never zero.
 */

/** What a file is, as reports name it. */
export type DumpKind =
  | "minidump"
  | "microdump"
  | "kernel-triage"
  | "kernel-full"
  | "kernel-bitmap-full"
  | "kernel-bitmap-kernel"
  | "kernel-summary"
  | "kernel-live"
  | "kernel-header"
  | "kernel-memory"
  | "kernel-and-user"
  | "kernel-complete"
  | "kernel-unknown"
  | "unknown";

/** A named part of the file: a stream of a minidump, a section of a kernel dump. */
export interface DumpSection {
  readonly name: string;
  /** File offset. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** A loaded image. */
export interface DumpModule {
  readonly base: VirtualAddress;
  /** Bytes. */
  readonly size: number;
  /** Path as the dump has it: restricted; reports print its base name. */
  readonly path: string;
  /** TimeDateStamp of the PE header: seconds since 1970, or a hash in reproducible builds. 0 and absent differ. */
  readonly timestamp?: number;
  /** True when `timestamp` is a hash of the content and no time. */
  readonly timestampIsHash?: boolean;
  readonly checksum?: number;
  /** Dotted file version. */
  readonly version?: string;
  /** Identity of the image: see symbols/debug-id.ts for the forms. */
  readonly codeId?: string;
  /** Identity of the symbol file: GUID and age as Breakpad writes them. */
  readonly debugId?: string;
  /** Base name or path of the symbol file. */
  readonly debugFile?: string;
  /** Where its unwind data lie, from its base, as the loader has noted: tells when its header is paged out. */
  readonly exceptionTable?: { readonly rva: number; readonly size: number };
  /** Whether identity and version were looked for; `not-read` says that a budget left them out. */
  readonly identity: "read" | "not-read" | "absent";
}

/** An image that was loaded earlier. */
export interface DumpUnloadedModule {
  readonly base: VirtualAddress;
  /** Bytes. */
  readonly size: number;
  readonly path: string;
  readonly timestamp?: number;
  readonly checksum?: number;
}

/** Memory of a stack, its size in bytes. */
export interface DumpStack {
  readonly start: VirtualAddress;
  readonly size: number;
}

/** A thread. */
export interface DumpThread {
  /** 0 where a kernel dump does not say. */
  readonly id: number;
  readonly name?: string;
  readonly teb?: VirtualAddress;
  /** GetLastError of a Windows thread, when the dump has its TEB. */
  readonly lastError?: number;
  /** Memory of the stack as the dump has it. */
  readonly stack?: DumpStack;
  readonly context?: CpuContext;
  /** ETHREAD of a kernel dump. */
  readonly address?: VirtualAddress;
  /** KTHREAD.KernelStack: where a thread that waits has saved how it goes on. */
  readonly kernelStack?: VirtualAddress;
  /** Number of the processor that ran it, for threads that ran when a kernel dump's system stopped. */
  readonly processor?: number;
}

/** EXCEPTION_RECORD and where it came from. */
export interface DumpException {
  readonly threadId?: number;
  /** ExceptionCode, unsigned 32 bits. */
  readonly code: number;
  /** ExceptionFlags, unsigned 32 bits. */
  readonly flags: number;
  readonly address: VirtualAddress;
  /** ExceptionInformation, as many as the record says, at most 15. */
  readonly parameters: readonly bigint[];
  /** Registers at the exception, which differ from the thread's own. */
  readonly context?: CpuContext;
}

/** Operating systems that dumps come from; the value is what rust-minidump prints as `system_info.os`. */
export type DumpOs =
  | "Windows NT"
  | "Mac OS X"
  | "iOS"
  | "Linux"
  | "Solaris"
  | "Android"
  | "PS3"
  | "NaCl"
  | "Fuchsia"
  | string;

/** Machine and system. */
export interface DumpSystem {
  readonly os: DumpOs;
  /** Dotted version, then the service pack or kernel text when there is one. */
  readonly osVersion?: string;
  readonly osBuild?: number;
  readonly cpuCount?: number;
  /** Family, model and stepping, or the vendor's text. */
  readonly cpuInfo?: string;
  readonly cpuMicrocode?: string;
  /** VER_NT_*: 1 workstation, 2 domain controller, 3 server. */
  readonly productType?: number;
  readonly suiteMask?: number;
  /** Text of BuildLab, e.g. `19041.vb_release.191206-1406`. */
  readonly buildLab?: string;
  /** The kind of virtual machine, as far as the firmware's tables tell: `VirtualBox`, `VMware`, `HyperV`. */
  readonly virtualMachine?: string;
}

/** The crashed process: the only one of a minidump, the current one of a kernel dump. */
export interface DumpProcess {
  readonly pid?: number;
  /** Base name; EPROCESS.ImageFileName has 15 characters at the most. */
  readonly name?: string;
  /** Seconds since 1970. */
  readonly createTime?: number;
}

/** Stop code of a kernel dump. */
export interface DumpBugcheck {
  /** As stored, modifier bits included. */
  readonly code: number;
  readonly parameters: readonly [bigint, bigint, bigint, bigint];
}

/** Which source told where fields of kernel records lie, best first. */
export type OffsetSource = "symbols" | "debugger-data" | "table" | "recognition";

/** Where the offsets came from that processes, threads and processors were read with. */
export interface OffsetSources {
  readonly process?: OffsetSource;
  readonly thread?: OffsetSource;
  readonly processor?: OffsetSource;
  /** Build whose table served, where one did. */
  readonly tableBuild?: number;
}

/** What a kernel dump says about the kernel itself. */
export interface DumpKernel {
  readonly base?: VirtualAddress;
  readonly loadedModuleList: VirtualAddress;
  readonly activeProcessHead: VirtualAddress;
  readonly directoryTableBase: bigint;
  readonly debuggerDataBlock?: VirtualAddress;
  readonly pfnDatabase: VirtualAddress;
  readonly majorVersion: number;
  readonly minorVersion: number;
  readonly attributes?: number;
  readonly comment?: string;
  /** Which producer wrote a triage dump: formats/kernel-dumps.md, "Two producers". */
  readonly producer?: "kernel" | "dbgeng";
  /** Address of the driver that the kernel itself blamed (TRIAGE_DUMP.BrokenDriverOffset). */
  readonly brokenDriver?: VirtualAddress;
  readonly offsetsFrom?: OffsetSources;
}

/** A processor, as far as its PRCB or a CPU record tells. */
export interface DumpProcessor {
  readonly number?: number;
  readonly vendor?: string;
  readonly mhz?: number;
  readonly irql?: number;
  /** KPRCB. */
  readonly address?: VirtualAddress;
  /** KTHREAD that ran on it when the system stopped. */
  readonly currentThread?: VirtualAddress;
  readonly idleThread?: VirtualAddress;
  /** Registers that the kernel saved when it stopped the processor. */
  readonly context?: CpuContext;
}

/** A process of the crashed system's own list. */
export interface DumpListedProcess {
  /** EPROCESS. */
  readonly address: VirtualAddress;
  readonly pid: number;
  /** At most 15 characters. */
  readonly name?: string;
  readonly parentPid?: number;
  /** Seconds since 1970. */
  readonly createTime?: number;
}

/** An opened dump. */
export interface Dump {
  readonly format: "MDMP" | "PAGEDUMP" | "PAGEDU64" | "microdump" | "unknown";
  readonly kind: DumpKind;
  /** MINIDUMP_TYPE flags or the DumpType field of a kernel header. */
  readonly dumpType: number;
  /** Bytes of the file. */
  readonly size: number;
  /** The dump's own clock, milliseconds since 1970. */
  readonly created?: number;
  /** Seconds since boot. */
  readonly uptimeSeconds?: number;
  /** True when the file ends before what its own headers promise. */
  readonly truncated: boolean;
  readonly sections: readonly DumpSection[];
  readonly cpu: CpuArch;
  readonly pointerSize: 4 | 8;
  readonly system: DumpSystem;
  readonly process: DumpProcess;
  readonly modules: readonly DumpModule[];
  readonly unloadedModules: readonly DumpUnloadedModule[];
  readonly threads: readonly DumpThread[];
  /** Index in `threads` of the thread that crashed or asked for the dump. */
  readonly crashingThread?: number;
  /** Id of the thread that wrote a Breakpad dump: it is no crash and its frames are not walked. */
  readonly dumpThreadId?: number;
  readonly exception?: DumpException;
  readonly bugcheck?: DumpBugcheck;
  readonly kernel?: DumpKernel;
  /** The processor that crashed. */
  readonly processor?: DumpProcessor;
  /** All processors of a kernel dump that were read, the one that crashed among them. */
  readonly processors?: readonly DumpProcessor[];
  /** Processes that ran when the system stopped, in the order of its list. */
  readonly processes?: readonly DumpListedProcess[];
  /** What a kernel dump's KUSER_SHARED_DATA says of the system. */
  readonly sharedData?: DumpSharedData;
  /** What firmware and components have put beside a kernel dump. */
  readonly secondaryData?: DumpSecondaryData;
  /** Texts of Breakpad and Crashpad streams that reports pass on, by report key. */
  readonly extras: Readonly<Record<string, unknown>>;
  readonly memory: Memory;
  /**
   * A module with its identity, where that is read on demand: too many modules of a kernel dump lie in pages of their
   * own. Gives the module back as it is where it was read before or a budget forbids it. May throw MissingRanges.
   */
  readonly identify?: (module: DumpModule) => DumpModule;
  /**
   * The stack of a processor's own (deferred calls, interrupts, double faults) that holds an address of the kernel,
   * read on demand: most stacks are their thread's. May throw MissingRanges.
   */
  readonly processorStack?: (processor: DumpProcessor, address: bigint) => DumpStack | undefined;
}
