import type { CrashReport } from "../crash-report.ts";
import { oneLine, padded, ticked } from "./format.ts";
import { reportPointerSize } from "./header.ts";

/** Exception record and registers of a user dump, as `.exr -1` and `.ecxr` print them. */

/** Registers a line in the order of debuggers; registers of other CPUs are printed in their own order. */
const REGISTER_ROWS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  amd64: [
    ["rax", "rbx", "rcx"],
    ["rdx", "rsi", "rdi"],
    ["rip", "rsp", "rbp"],
    ["r8", "r9", "r10"],
    ["r11", "r12", "r13"],
    ["r14", "r15"],
  ],
  x86: [
    ["eax", "ebx", "ecx", "edx", "esi", "edi"],
    ["eip", "esp", "ebp"],
  ],
};

/** What happened and where, in words that fit every system. */
export function crashLines(report: CrashReport): string[] {
  const { type, address, assertion } = report.crash_info;
  return [
    ...(type === null ? [] : [`Crash reason:  ${oneLine(type)}`]),
    ...(address === null ? [] : [`Crash address: ${address}`]),
    ...(assertion === null ? [] : [`Assertion:     ${oneLine(assertion)}`]),
    "",
  ];
}

/** CONTEXT with the registers of frame 0, where the report has them. */
export function contextLines(report: CrashReport): string[] {
  const frame = report.crashing_thread?.frames[0];
  const registers = frame?.registers;
  if (!frame || registers === undefined || Object.keys(registers).length === 0) return [];
  return ["CONTEXT:  (.ecxr)", ...registerLines(report, registers, placeOf(frame)), ""];
}

/**
 * The registers of a kernel's faulting context below the field that names its record, as `.cxr` and `.trap` print them.
 * Those that a record does not hold are left out; debuggers print zeros.
 */
export function faultingContextLines(report: CrashReport, field: string, value: string): string[] {
  const { faulting_context: context, instruction } = report;
  const record = field === "CONTEXT" ? context?.context_record : field === "TRAP_FRAME" ? context?.trap_frame : null;
  if (!context || !record || !value.startsWith(record.slice(2))) return [];
  const trap = field === "TRAP_FRAME" ? ["NOTE: The trap frame does not contain all registers."] : [];
  return [...trap, ...registerLines(report, context.registers, instruction?.place ?? undefined)];
}

/** Rows of registers, the place of the instruction, and the instruction. */
function registerLines(
  report: CrashReport,
  registers: Readonly<Record<string, string>>,
  place: string | undefined,
): string[] {
  const size = reportPointerSize(report);
  const write = (name: string): string => `${name.padStart(3)}=${padded(BigInt(registers[name] ?? 0), size)}`;
  const rows = REGISTER_ROWS[report.system_info.cpu_arch ?? ""] ?? chunked(Object.keys(registers), size === 4 ? 5 : 3);
  const known = rows.map((row) => row.filter((name) => registers[name] !== undefined)).filter((row) => row.length > 0);
  return [
    ...known.map((row) => row.map(write).join(" ")),
    ...(place === undefined ? [] : [`${oneLine(place)}:`]),
    ...instructionLine(report),
  ];
}

/** The failing instruction as `.ecxr` lists it: what its operands held stands behind it. */
function instructionLine(report: CrashReport): string[] {
  const { instruction } = report;
  if (!instruction || instruction.missing === "no-disassembler") return [];
  const size = reportPointerSize(report);
  const columns = report.system_info.cpu_arch === "arm64" ? 8 : 15;
  const bytes = (instruction.bytes ?? "??").padEnd(columns);
  const text = [instruction.text ?? "???", ...(instruction.values === null ? [] : [instruction.values])].join(" ");
  return [`${ticked(BigInt(instruction.address), size)} ${bytes} ${oneLine(text)}`];
}

/** EXCEPTION_RECORD of Windows dumps. */
export function recordLines(report: CrashReport): string[] {
  const { exception } = report;
  if (!exception || report.system_info.os !== "Windows NT") return [];
  const size = reportPointerSize(report);
  const at = placeOfAddress(report, BigInt(exception.address));
  const name = exception.name === null ? "" : ` (${oneLine(exception.name)})`;
  const accessed = exception.parameters[1];
  return [
    "EXCEPTION_RECORD:  (.exr -1)",
    `ExceptionAddress: ${padded(BigInt(exception.address), size)}${at === undefined ? "" : ` (${at})`}`,
    `   ExceptionCode: ${padded(BigInt(exception.code), 4)}${name}`,
    `  ExceptionFlags: ${padded(BigInt(exception.flags), 4)}`,
    `NumberParameters: ${exception.parameters.length}`,
    ...exception.parameters.map((value, index) => `   Parameter[${index}]: ${padded(BigInt(value), size)}`),
    ...(exception.access === null || accessed === undefined
      ? []
      : [`Attempt to ${verb(exception.access)} address ${padded(BigInt(accessed), size)}`]),
    "",
  ];
}

function verb(access: string): string {
  if (access === "read") return "read from";
  return access === "write" ? "write to" : "execute non-executable";
}

function placeOf(frame: {
  module: string | null;
  module_offset: string | null;
  function: string | null;
}): string | undefined {
  if (frame.module === null) return undefined;
  const label = oneLine(frame.module.replace(/\.[^.]*$/, ""));
  if (frame.function !== null) return `${label}!${oneLine(frame.function)}`;
  return frame.module_offset === null ? label : `${label}+0x${BigInt(frame.module_offset).toString(16)}`;
}

function placeOfAddress(report: CrashReport, address: bigint): string | undefined {
  const module = report.modules.find(
    ({ base_addr, end_addr }) => address >= BigInt(base_addr) && address < BigInt(end_addr),
  );
  if (!module) return undefined;
  const offset = `0x${(address - BigInt(module.base_addr)).toString(16)}`;
  return placeOf({ module: module.filename, module_offset: offset, function: null });
}

function chunked(names: readonly string[], width: number): string[][] {
  const rows: string[][] = [];
  for (let i = 0; i < names.length; i += width) rows.push(names.slice(i, i + width));
  return rows;
}
