import type { Dump, DumpException } from "../dump/dump.ts";
import { baseName } from "./module-at.ts";

/** The class of a user-mode failure and its bucket, as `!analyze` names them (formats/analyze.md §3 and §4). */

const CLASSES: ReadonlyMap<number, string> = new Map([
  [0x80000001, "GUARD_PAGE"],
  [0x80000003, "BREAKPOINT"],
  [0x80000004, "SINGLE_STEP"],
  [0xc0000006, "IN_PAGE_ERROR"],
  [0xc000001d, "ILLEGAL_INSTRUCTION"],
  [0xc000008e, "FLOAT_DIVIDE_BY_ZERO"],
  [0xc0000094, "INTEGER_DIVIDE_BY_ZERO"],
  [0xc0000095, "INTEGER_OVERFLOW"],
  [0xc0000096, "PRIVILEGED_INSTRUCTION"],
  [0xc00000fd, "STACK_OVERFLOW"],
  [0xc0000374, "HEAP_CORRUPTION"],
  [0xc0000409, "FAIL_FAST"],
  [0xc0000602, "FAIL_FAST_EXCEPTION"],
  [0xe06d7363, "CPP_EXCEPTION"],
  [0xe0434352, "CLR_EXCEPTION"],
  [0xe0434f4d, "CLR_EXCEPTION"],
  [0x40000015, "FATAL_APP_EXIT"],
]);

const ACCESS_VIOLATION = 0xc0000005;
const STACK_BUFFER_OVERRUN = 0xc0000409;
const HEAP_CORRUPTION = 0xc0000374;
const CLR_EXCEPTION = 0xe0434352;
/** Below this an address is a null pointer plus a field's offset. */
const NULL_PAGE_LIMIT = 0x10000n;

/**
 * @param crashType `crash_info.type` of the report; the class of what Windows did not raise
 * @param stackExhausted the failed access is the end of the stack, whatever exception it raised
 */
export function userFailureClass(dump: Dump, crashType: string | undefined, stackExhausted = false): string {
  const { exception } = dump;
  if (!exception) return "NO_EXCEPTION";
  if (dump.system.os !== "Windows NT") return (crashType ?? "UNKNOWN").toUpperCase().replace(/[^A-Z0-9]+/g, "_");
  const overflow = stackExhausted && exception.code === ACCESS_VIOLATION;
  return `${overflow ? "STACK_OVERFLOW" : windowsClass(exception, crashType)}${isVerified(dump) ? "_AVRF" : ""}`;
}

function windowsClass({ code, parameters }: DumpException, crashType: string | undefined): string {
  if (code === ACCESS_VIOLATION) return accessViolationClass(parameters);
  if (code === STACK_BUFFER_OVERRUN) {
    const name = /FAST_FAIL_([A-Z0-9_]+)/.exec(crashType ?? "")?.[1];
    if (name === "STACK_COOKIE_CHECK_FAILURE") return `FAIL_FAST_STACK_BUFFER_OVERRUN_${name}`;
    return name === undefined ? "FAIL_FAST" : `FAIL_FAST_${name}`;
  }
  return CLASSES.get(code) ?? "APPLICATION_FAULT";
}

/** Application Verifier works in the process: its library is there for nothing else. */
function isVerified(dump: Dump): boolean {
  return dump.modules.some(({ path }) => baseName(path).toLowerCase() === "verifier.dll");
}

/** Address 0 is a null pointer, a small one a field of an object that is not there (NULL_CLASS_PTR). */
function accessViolationClass([operation, address]: readonly bigint[]): string {
  if (operation === undefined || address === undefined) return "ACCESS_VIOLATION";
  if (operation === 8n) return address < NULL_PAGE_LIMIT ? "NULL_POINTER_EXECUTE" : "SOFTWARE_NX_FAULT";
  const pointer = address === 0n ? "NULL_POINTER" : address < NULL_PAGE_LIMIT ? "NULL_CLASS_PTR" : "INVALID_POINTER";
  return `${pointer}_${operation === 1n ? "WRITE" : "READ"}`;
}

/**
 * FAILURE_BUCKET_ID of a process: class, exception code, `image!function`. Of .NET the code is the HRESULT that
 * the exception carries; a damaged heap that nobody's code was seen to damage is the program's.
 * @param place `image!function`
 */
export function userBucket(dump: Dump, failure: string, place: string, plumbing: boolean): string {
  const { exception, system, process, modules } = dump;
  if (system.os !== "Windows NT" || !exception) return `${failure}_${place}`;
  const { code, parameters } = exception;
  const hresult = code === CLR_EXCEPTION && parameters[0] !== undefined ? BigInt.asUintN(32, parameters[0]) : 0n;
  const number = hresult >= 0x8000_0000n ? hresult : BigInt(code);
  const program = process.name ?? modules[0]?.path;
  const blamed =
    code === HEAP_CORRUPTION && plumbing && program !== undefined ? `heap_corruption!${baseName(program)}` : place;
  return `${failure}_${number.toString(16)}_${blamed}`;
}
