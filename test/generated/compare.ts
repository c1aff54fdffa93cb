import type { Dump } from "../../shared/dump/dump.ts";
import type { CrashReport } from "../../shared/report/crash-report.ts";
import type { Truth } from "./truth.ts";

/** Compares a finished report with the ground truth, field by field. */

/** How one value stood. `not-told`: the report leaves it out, which a budget or the dump's kind may make it do. */
export type Outcome = "equal" | "different" | "not-told";

/** One compared value. */
export interface Comparison {
  readonly field: string;
  readonly outcome: Outcome;
  readonly ours: string;
  readonly truth: string;
}

/** What reports call the generator's types (DumpType and form decide; `automatic` is a bitmap kernel dump). */
const KINDS: Readonly<Record<string, string>> = {
  full: "kernel-full",
  "bitmap-full": "kernel-bitmap-full",
  "bitmap-kernel": "kernel-bitmap-kernel",
  automatic: "kernel-bitmap-kernel",
  active: "kernel-bitmap-full",
  kernel: "kernel-memory",
  "kernel-user": "kernel-and-user",
  complete: "kernel-complete",
  summary: "kernel-summary",
  triage: "kernel-triage",
};

const MAX_PROCESSES = 64;
const LIVE_DUMP = 0x161n;

/** Every comparison of one dump; `type` is the generator's name of the dump type. */
export function compareReport(report: CrashReport, dump: Dump, truth: Truth, type: string): Comparison[] {
  const out: Comparison[] = [];
  const add: Add = (field, ours, theirs) => {
    const [a, b] = [text(ours), text(theirs)];
    const told = ours !== undefined && ours !== null;
    out.push({ field, outcome: a === b ? "equal" : told ? "different" : "not-told", ours: a, truth: b });
  };
  const wide = report.dump.format === "PAGEDU64";
  const address = (value: string): bigint => BigInt.asUintN(wide ? 64 : 32, BigInt(value));
  // A live stop code makes any form a live dump; without one the type `live` is a bitmap kernel dump. On x86 the
  // generator writes one header type for both bitmap forms.
  const bitmap = type === "live" || (type === "bitmap-kernel" && !wide);
  const form = bitmap ? (wide ? "kernel-bitmap-kernel" : "kernel-bitmap-full") : KINDS[type];
  add("dump kind", report.dump.kind, BigInt(truth.header.bugcheck) === LIVE_DUMP ? "kernel-live" : form);
  add("bug check code", number(report.bugcheck?.code), BigInt(truth.header.bugcheck));
  for (const [index, value] of truth.header.args.entries()) {
    add("bug check arguments", number(report.bugcheck?.args[index]?.value), address(value));
  }
  compareModules(report, truth, address, add);
  compareProcesses(report, truth, add);
  compareCurrent(report, dump, truth, address, add);
  compareFault(report, truth, address, add);
  compareCulprit(report, truth, add);
  return out;
}

type Add = (field: string, ours: unknown, truth: unknown) => void;
type ToAddress = (value: string) => bigint;

function compareModules(report: CrashReport, truth: Truth, address: ToAddress, add: Add): void {
  add("modules: count", report.modules.length, truth.modules.length);
  for (const [index, module] of truth.modules.entries()) {
    const ours = report.modules[index];
    const base = address(module.base);
    add("modules: base", number(ours?.base_addr), base);
    add("modules: end", number(ours?.end_addr), base + BigInt(module.size));
    add("modules: name", ours?.filename, module.name);
    if (module.checksum) add("modules: checksum", number(ours?.checksum), BigInt(module.checksum));
    if (module.timestamp) add("modules: time stamp", number(ours?.timestamp), BigInt(module.timestamp));
    if (module.pdb && ours?.identity === "read") {
      add("modules: PDB", ours.debug_id, module.pdb.guid + module.pdb.age.toString(16));
    }
  }
  // Ours keeps the order of the file: a triage dump lists the oldest first, the system's ring is read from the newest.
  const unloaded = report.dump.kind === "kernel-triage" ? truth.unloaded : [...truth.unloaded].reverse();
  add("unloaded drivers: count", report.unloaded_modules.length, unloaded.length);
  for (const [index, driver] of unloaded.entries()) {
    const ours = report.unloaded_modules[index];
    add("unloaded drivers: name", ours?.filename, driver.name);
    add("unloaded drivers: base", number(ours?.base_addr), address(driver.start));
    add("unloaded drivers: end", number(ours?.end_addr), address(driver.end));
  }
}

/** With more processes than a report lists, those that it lists must be of the system's and in its order. */
function compareProcesses(report: CrashReport, truth: Truth, add: Add): void {
  // Idle is not on the system's list.
  const listed = truth.processes.filter(({ pid }) => pid !== 0);
  add("processes: count", report.processes?.length, Math.min(listed.length, MAX_PROCESSES));
  const places = new Map(listed.map(({ pid }, index) => [pid, index]));
  let before = -1;
  for (const ours of report.processes ?? []) {
    const place = places.get(ours.pid);
    const process = place === undefined ? undefined : listed[place];
    add("processes: in order", place !== undefined && place > before, true);
    before = place ?? before;
    if (!process) continue;
    // EPROCESS.ImageFileName holds 15 characters; the generator cuts at 14 as older systems do.
    add("processes: name", ours.name, process.name.slice(0, ours.name?.length === 14 ? 14 : 15));
    if (process.ppid !== undefined) add("processes: parent", ours.parent_pid, process.ppid);
  }
}

function compareCurrent(report: CrashReport, dump: Dump, truth: Truth, address: ToAddress, add: Add): void {
  const { current, kdbg, os } = truth;
  const owner = truth.processes.find(({ eprocess }) => eprocess === current.process);
  const pid = current.pid ?? owner?.pid;
  const name = current.process_name ?? owner?.name;
  if (pid !== undefined) add("current process: id", report.process.pid, pid);
  if (name !== undefined) add("current process: name", report.process.name, name.slice(0, 15));
  // The idle threads all have the id 0, which a report leaves out.
  if (current.tid) add("current thread: id", report.thread?.id, current.tid);
  // The report has no field for it.
  add("current thread: address", dump.threads[dump.crashingThread ?? -1]?.address, address(current.thread));
  if (current.cpu !== undefined) add("processors: the crashed", report.processor?.number, current.cpu);
  add("processors: count", report.processors?.length, current.prcbs?.length ?? truth.header.processors ?? 1);
  if (kdbg) add("kernel: base", number(report.kernel?.base), address(kdbg["KernBase"] ?? "0"));
  if (os) add("kernel: build lab", report.kernel?.build_lab, os.build_lab);
  const frame = report.crashing_thread?.frames[0]?.registers;
  for (const [register, value] of frame ? Object.entries(truth.context ?? {}) : []) {
    if (frame?.[register] !== undefined) add("header context", number(frame[register]), address(value));
  }
}

/** Stop codes whose arguments lead to a CONTEXT or EXCEPTION_RECORD, whose address a report gives. */
const WITH_RECORDS = new Set([0x1e, 0x3b, 0x7e]);

function compareFault(report: CrashReport, truth: Truth, address: ToAddress, add: Add): void {
  const { records } = truth;
  const ours = report.faulting_context;
  const registers = Object.entries(records.fault_regs ?? {});
  const record = (field: string, at: string | null | undefined, theirs: unknown): void => {
    if (typeof theirs === "string") add(field, number(at), address(theirs));
  };
  const code = Number(truth.header.bugcheck) & 0xfffffff;
  if (registers.length > 0 || !Object.hasOwn(records, "bad_va"))
    record("fault: trap frame", ours?.trap_frame, records.trap_frame);
  if (WITH_RECORDS.has(code)) record("fault: context record", ours?.context_record, records["context_record"]);
  if (WITH_RECORDS.has(code) || code === 0x139) {
    record("fault: exception record", ours?.exception_record, records["exception_record"]);
  }
  for (const [register, value] of registers) {
    const kept = VOLATILE.has(register) ? "fault: volatile registers" : "fault: non-volatile registers";
    const kind = PLACE.has(register) ? "fault: ip and sp" : kept;
    add(kind, number(ours?.registers[register]), address(value));
  }
  const none = registers.length === 0 && records.trap_frame === undefined && records["context_record"] === undefined;
  if (none) add("fault: none told where none is", ours ? ours.source : "none", "none");
}

const PLACE = new Set(["rip", "rsp", "eip", "esp", "pc", "sp"]);
/** Trap frames hold these; the others stand in exception frames, or are to be found by unwinding. */
const VOLATILE = new Set([
  ...["rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "eax", "ecx", "edx", "lr"],
  ...Array.from({ length: 18 }, (_, index) => `x${index}`),
]);

function compareCulprit(report: CrashReport, truth: Truth, add: Add): void {
  const ours = report.culprit?.module ?? null;
  const name = (ours ?? "").replace(/\.[a-z]+$/i, "").toLowerCase();
  const truthText = truth.expect.culprit.toLowerCase();
  // The truth speaks in phrases such as "nt (registry hive SOFTWARE)" or "memory_corruption (one bit)".
  const same =
    ours !== null && (truthText.includes(name) || (/^(ntoskrnl|ntkrnl)/.test(name) && truthText.startsWith("nt ")));
  add("culprit", same ? truth.expect.culprit : ours, truth.expect.culprit);
}

function number(value: string | null | undefined): bigint | undefined {
  return value === null || value === undefined ? undefined : BigInt(value);
}

function text(value: unknown): string {
  if (typeof value === "bigint") return `0x${value.toString(16)}`;
  return value === undefined || value === null ? "-" : String(value);
}
