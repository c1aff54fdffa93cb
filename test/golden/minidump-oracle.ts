import { hexAddress, type VirtualAddress } from "../../shared/dump/address.ts";
import type { CpuContext } from "../../shared/dump/cpu-context.ts";
import type { Dump, DumpModule, DumpThread } from "../../shared/dump/dump.ts";
import { peCodeId } from "../../shared/image/codeview.ts";
import type { CrashReason } from "../../shared/triage/crash-reason.ts";

/**
 * Compares an opened minidump with what `minidump-stackwalk --json` 0.27 says of the same file,
 * field by field, as far as both come straight from the dump (no stack walking, no symbols).
 */

/** One field that differs. */
export interface OracleDifference {
  /** Field by the oracle's key, indexes left out: `modules[].code_id`. */
  readonly field: string;
  /** Field with its indexes. */
  readonly at: string;
  readonly ours: unknown;
  readonly theirs: unknown;
}

/** Result of one file. */
export interface OracleComparison {
  /** How often each field was compared. */
  readonly compared: ReadonlyMap<string, number>;
  readonly differences: readonly OracleDifference[];
}

/** The keys of the oracle's JSON that are compared. */
export interface OracleReport {
  readonly crash_info: {
    readonly type: string | null;
    readonly address: string | null;
    readonly crashing_thread: number | null;
  };
  readonly system_info: {
    readonly os: string;
    readonly os_ver: string | null;
    readonly cpu_arch: string;
    readonly cpu_info: string | null;
    readonly cpu_count: number;
    readonly cpu_microcode_version: string | null;
  };
  readonly modules: readonly OracleModule[];
  readonly unloaded_modules: readonly OracleImage[];
  readonly threads: ReadonlyArray<{
    readonly thread_id: number;
    readonly thread_name: string | null;
    readonly frames: readonly OracleFrame[];
  }>;
  readonly crashing_thread: {
    readonly thread_id: number;
    readonly threads_index: number;
    readonly frames: readonly OracleFrame[];
  } | null;
  readonly thread_count: number;
  readonly main_module: number;
  readonly pid: number | null;
  readonly process_uptime: number | null;
  readonly lsb_release: unknown;
  readonly proc_limits: unknown;
  readonly soft_errors: unknown;
  readonly linux_memory_map_count: number | null;
  readonly mac_crash_info: unknown;
  readonly mac_boot_args: unknown;
}

interface OracleImage {
  readonly base_addr: string;
  readonly end_addr: string;
  readonly filename: string;
  readonly code_id: string;
}

interface OracleModule extends OracleImage {
  readonly debug_id: string;
  readonly debug_file: string;
  readonly version: string | null;
}

interface OracleFrame {
  readonly offset: string;
  readonly module: string | null;
  readonly module_offset: string | null;
  readonly trust: string;
  readonly registers?: Readonly<Record<string, string>>;
}

/** Keys that both pass on as they are. */
const EXTRAS = [
  "lsb_release",
  "proc_limits",
  "soft_errors",
  "linux_memory_map_count",
  "mac_crash_info",
  "mac_boot_args",
] as const;

/** The oracle prints this for a module without identity. */
const NO_DEBUG_ID = "0".repeat(33);

/** Compares one dump with its oracle. */
export function compareWithOracle(dump: Dump, reason: CrashReason | undefined, oracle: OracleReport): OracleComparison {
  const compared = new Map<string, number>();
  const differences: OracleDifference[] = [];
  const check = (at: string, ours: unknown, theirs: unknown): void => {
    const field = at.replaceAll(/\[\d+\]/g, "[]");
    compared.set(field, (compared.get(field) ?? 0) + 1);
    if (JSON.stringify(sorted(ours ?? null)) !== JSON.stringify(sorted(theirs ?? null))) {
      differences.push({ field, at, ours: ours ?? null, theirs: theirs ?? null });
    }
  };
  const hex = (address: bigint): string => hexAddress(address, dump.pointerSize);

  check("crash_info.type", reason?.type, oracle.crash_info.type);
  check("crash_info.address", reason && hex(reason.address), oracle.crash_info.address);
  check("crash_info.crashing_thread", dump.crashingThread, oracle.crash_info.crashing_thread);
  const crashing = dump.crashingThread === undefined ? undefined : dump.threads[dump.crashingThread];
  // The oracle repeats the crashing thread only when it has a frame.
  const repeated = crashing && startContext(dump, crashing, dump.crashingThread ?? -1) ? crashing : undefined;
  check("crashing_thread.thread_id", repeated?.id, oracle.crashing_thread?.thread_id);
  check("crashing_thread.threads_index", repeated && dump.crashingThread, oracle.crashing_thread?.threads_index);

  check("system_info.os", dump.system.os, oracle.system_info.os);
  check("system_info.os_ver", dump.system.osVersion, oracle.system_info.os_ver);
  check("system_info.cpu_arch", dump.cpu, oracle.system_info.cpu_arch);
  check("system_info.cpu_info", dump.system.cpuInfo, oracle.system_info.cpu_info);
  check("system_info.cpu_count", dump.system.cpuCount, oracle.system_info.cpu_count);
  check("system_info.cpu_microcode_version", dump.system.cpuMicrocode, oracle.system_info.cpu_microcode_version);

  check("pid", dump.process.pid, oracle.pid);
  check("process_uptime", uptime(dump), oracle.process_uptime);
  check("main_module", 0, oracle.main_module);
  for (const key of EXTRAS) check(key, dump.extras[key], oracle[key]);

  check("modules.length", dump.modules.length, oracle.modules.length);
  for (const [index, theirs] of oracle.modules.entries()) {
    const ours = dump.modules[index];
    if (!ours) continue;
    const at = `modules[${index}]`;
    check(`${at}.base_addr`, hex(ours.base), theirs.base_addr);
    check(`${at}.end_addr`, hex(ours.base + BigInt(ours.size)), theirs.end_addr);
    check(`${at}.filename`, baseName(ours.path), theirs.filename);
    check(`${at}.debug_id`, ours.debugId ?? NO_DEBUG_ID, theirs.debug_id);
    check(`${at}.debug_file`, baseName(ours.debugFile ?? ""), theirs.debug_file);
    check(`${at}.code_id`, ours.codeId ?? "", theirs.code_id);
    check(`${at}.version`, ours.version, theirs.version);
  }
  check("unloaded_modules.length", dump.unloadedModules.length, oracle.unloaded_modules.length);
  for (const [index, theirs] of oracle.unloaded_modules.entries()) {
    const ours = dump.unloadedModules[index];
    if (!ours) continue;
    const at = `unloaded_modules[${index}]`;
    check(`${at}.base_addr`, hex(ours.base), theirs.base_addr);
    check(`${at}.end_addr`, hex(ours.base + BigInt(ours.size)), theirs.end_addr);
    check(`${at}.filename`, ours.path, theirs.filename);
    check(`${at}.code_id`, peCodeId(ours.timestamp ?? 0, ours.size), theirs.code_id);
  }

  check("thread_count", dump.threads.length, oracle.thread_count);
  for (const [index, theirs] of oracle.threads.entries()) {
    const ours = dump.threads[index];
    if (!ours) continue;
    const at = `threads[${index}]`;
    check(`${at}.thread_id`, ours.id, theirs.thread_id);
    // The oracle says nothing of the thread that wrote the dump, not even its name.
    const isWriter = ours.id === dump.dumpThreadId;
    check(`${at}.thread_name`, isWriter ? null : ours.name, theirs.thread_name);
    const context = isWriter ? undefined : startContext(dump, ours, index);
    checkFrame(`${at}.frames[0]`, context, theirs.frames[0]);
  }
  const registers = crashing && startContext(dump, crashing, dump.crashingThread ?? -1)?.registers;
  const named = registers && Object.fromEntries(Object.entries(registers).map(([name, value]) => [name, hex(value)]));
  check("crashing_thread.frames[0].registers", named, oracle.crashing_thread?.frames[0]?.registers);
  return { compared, differences };

  function checkFrame(at: string, context: CpuContext | undefined, theirs: OracleFrame | undefined): void {
    const module = context && moduleAt(dump.modules, context.pc);
    check(`${at}.offset`, context && hex(context.pc), theirs?.offset);
    check(`${at}.module`, module && baseName(module.path), theirs?.module);
    check(`${at}.module_offset`, module && context && hex(context.pc - module.base), theirs?.module_offset);
    check(`${at}.trust`, context && "context", theirs?.trust);
  }
}

/** The registers a walk starts from: at the exception for the thread that crashed, else the thread's own. */
function startContext(dump: Dump, thread: DumpThread, index: number): CpuContext | undefined {
  return index === dump.crashingThread ? (dump.exception?.context ?? thread.context) : thread.context;
}

function uptime(dump: Dump): number | undefined {
  const { createTime } = dump.process;
  if (createTime === undefined || dump.created === undefined) return undefined;
  return Math.max(0, Math.floor(dump.created / 1000) - createTime);
}

function moduleAt(modules: readonly DumpModule[], address: VirtualAddress): DumpModule | undefined {
  return modules.find(({ base, size }) => address >= base && address - base < BigInt(size));
}

function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

/** The same value with the keys of its records in order, and limits too: the oracle shuffles them. */
function sorted(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => sorted(item));
    return key === "limits" ? items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : items;
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, item]) => [name, sorted(item, name)]),
  );
}
