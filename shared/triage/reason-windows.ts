import type { DumpException } from "../dump/dump.ts";
import type { ReasonWords } from "./crash-reason.ts";

/** Codes that are better said in words than by their names. */
const PLAIN_WORDS: Readonly<Record<string, string>> = {
  OUT_OF_MEMORY: "Out of Memory",
  UNHANDLED_CPP_EXCEPTION: "Unhandled C++ Exception",
  SIMULATED: "Simulated Exception",
};
const STATUS_STACK_BUFFER_OVERRUN = 0xc000_0409;

/**
 * An exception code of Windows by name, refined by its parameters: kind of access, status of a failed
 * page-in, fast-fail code. A code may be an exception, a Win32 error, a Win32 error with a facility, or an
 * NTSTATUS, looked for in this order.
 */
export function windowsReason(exception: DumpException, words: ReasonWords): string {
  const { code, parameters } = exception;
  const [first, , third] = parameters;
  const name = words.exceptionName("windows", "Code", code);
  if (name === "EXCEPTION_ACCESS_VIOLATION") {
    const access = accessName("AccessType", first, words);
    return access === undefined ? name : `${name}_${access}`;
  }
  if (name === "EXCEPTION_IN_PAGE_ERROR" && third !== undefined) {
    const access = accessName("InPageErrorType", first, words);
    return access === undefined ? name : `${name}_${access} / ${statusName(BigInt.asUintN(32, third), words)}`;
  }
  if (name !== undefined) return PLAIN_WORDS[name] ?? name;
  const winError = words.winError(code);
  if (winError) return winError.name;
  if (code === STATUS_STACK_BUFFER_OVERRUN && first !== undefined) {
    const reason = Number(BigInt.asUintN(32, first));
    return `EXCEPTION_STACK_BUFFER_OVERRUN / ${words.exceptionName("windows", "FastFailCode", reason) ?? hex32(reason)}`;
  }
  return withFacility(code, words) ?? words.ntstatus(code)?.name ?? `unknown ${hex32(code)}`;
}

function accessName(group: string, value: bigint | undefined, words: ReasonWords): string | undefined {
  return value === undefined || value >= 2n ** 32n ? undefined : words.exceptionName("windows", group, value);
}

function statusName(status: bigint, words: ReasonWords): string {
  return words.ntstatus(status)?.name ?? hex32(status);
}

/** A Win32 error that a component wraps: `FACILITY_VISUALCPP / ERROR_PROC_NOT_FOUND` of delay loading. */
function withFacility(code: number, words: ReasonWords): string | undefined {
  if (code >>> 28 === 0) return undefined;
  const facility = words.exceptionName("windows", "WinErrorFacilityWindows", (code >>> 16) & 0xfff);
  const error = words.winError(code & 0xffff);
  return facility !== undefined && error ? `${facility} / ${error.name}` : undefined;
}

function hex32(value: number | bigint): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}
