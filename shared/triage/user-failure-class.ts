import type { Dump } from "../dump/dump.ts";

/** The class of a user-mode failure, as `!analyze` names it (formats/analyze.md §3). */

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
  [0x40000015, "FATAL_APP_EXIT"],
]);

/** Below this an address is a null pointer plus a field's offset. */
const NULL_PAGE_LIMIT = 0x10000n;

/**
 * @param crashType `crash_info.type` of the report; the class of what Windows did not raise
 */
export function userFailureClass(dump: Dump, crashType: string | undefined): string {
  const { exception } = dump;
  if (!exception) return "NO_EXCEPTION";
  if (dump.system.os !== "Windows NT") return (crashType ?? "UNKNOWN").toUpperCase().replace(/[^A-Z0-9]+/g, "_");
  if (exception.code === 0xc0000005) return accessViolationClass(exception.parameters);
  if (exception.code === 0xc0000409) {
    const name = /FAST_FAIL_([A-Z0-9_]+)/.exec(crashType ?? "")?.[1];
    return name === undefined ? "FAIL_FAST" : `FAIL_FAST_${name}`;
  }
  return CLASSES.get(exception.code) ?? "APPLICATION_FAULT";
}

function accessViolationClass([operation, address]: readonly bigint[]): string {
  if (operation === undefined || address === undefined) return "ACCESS_VIOLATION";
  const pointer = address < NULL_PAGE_LIMIT ? "NULL_POINTER" : "INVALID_POINTER";
  if (operation === 8n) return address < NULL_PAGE_LIMIT ? "NULL_POINTER_EXECUTE" : "SOFTWARE_NX_FAULT";
  return `${pointer}_${operation === 1n ? "WRITE" : "READ"}`;
}
