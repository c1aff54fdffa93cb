import { hexAddress } from "../dump/address.ts";
import type { Dump, DumpException } from "../dump/dump.ts";
import type { Words } from "../triage/words/words.ts";
import type { CrashReport } from "./crash-report.ts";

/** From here on a stop code is an NTSTATUS of severity error (0xC0000218). */
const STATUS_SEVERITY_ERROR = 0xc0000000;

/** The stop code in words: its name, what every argument means, and the sub-code that the first one selects. */
export function bugcheckPart(dump: Dump, words: Words): CrashReport["bugcheck"] {
  const { bugcheck } = dump;
  if (!bugcheck) return null;
  const row = words.bugcheck(bugcheck.code);
  const sub = words.subCode(bugcheck.code, bugcheck.parameters[0]);
  const subMeanings = [sub?.meaning, sub?.p2, sub?.p3, sub?.p4];
  // Stop codes below are numbers of their own that only look like small NTSTATUS values.
  const status = bugcheck.code >= STATUS_SEVERITY_ERROR ? words.ntstatus(bugcheck.code) : undefined;
  return {
    code: `0x${bugcheck.code.toString(16)}`,
    name: row?.name ?? status?.name ?? null,
    description: status?.text || null,
    args: bugcheck.parameters.map((value, index) => ({
      value: hexAddress(value, dump.pointerSize),
      meaning: subMeanings[index] ?? row?.args[index] ?? null,
    })),
    sub_code: sub?.meaning ?? null,
  };
}

const STATUS_ACCESS_VIOLATION = 0xc0000005;
const STATUS_IN_PAGE_ERROR = 0xc0000006;

/**
 * The exception record in words.
 * @param found the record that a stop code led to: a kernel header's own is the breakpoint of the bug check
 */
export function exceptionPart(dump: Dump, words: Words, found: DumpException | undefined): CrashReport["exception"] {
  const exception = found ?? dump.exception;
  if (!exception) return null;
  const windows = dump.system.os === "Windows NT";
  const status = windows ? words.ntstatus(exception.code) : undefined;
  const access = windows && (exception.code === STATUS_ACCESS_VIOLATION || exception.code === STATUS_IN_PAGE_ERROR);
  const [operation, address] = exception.parameters;
  return {
    code: `0x${exception.code.toString(16)}`,
    name: status?.name ?? signalName(dump, words, exception.code),
    text: status?.text || null,
    flags: `0x${exception.flags.toString(16)}`,
    address: hexAddress(exception.address, dump.pointerSize),
    parameters: exception.parameters.map((value) => hexAddress(value, dump.pointerSize)),
    access: access ? accessKind(operation) : null,
    address_class: access && address !== undefined ? addressClass(dump, address) : null,
  };
}

function signalName(dump: Dump, words: Words, code: number): string | null {
  const apple = dump.system.os === "Mac OS X" || dump.system.os === "iOS";
  return words.exceptionName(apple ? "macos" : "linux", "Code", code) ?? null;
}

/** ExceptionInformation[0] of an access violation. */
function accessKind(operation: bigint | undefined): string | null {
  if (operation === 0n) return "read";
  if (operation === 1n) return "write";
  return operation === 8n ? "execute" : null;
}

/** Where an address points (formats/analyze.md §7). */
export function addressClass(dump: Dump, address: bigint): string {
  if (address < 0x10000n) return "null";
  if (dump.pointerSize === 4) return address < 0x80000000n ? "user" : "kernel";
  if (address < 0x0000_8000_0000_0000n) return "user";
  return address >= 0xffff_8000_0000_0000n ? "kernel" : "non-canonical";
}
