import type { Dump } from "../dump/dump.ts";
import type { ContextHint, HintKey } from "../triage/words/context-hint.ts";
import type { Words } from "../triage/words/words.ts";
import { padded } from "./text/format.ts";

/** Fields of `!analyze -v` that come from an exception record or from arguments that stand in for one. */

const STATUS_ACCESS_VIOLATION = 0xc0000005;
const STATUS_IN_PAGE_ERROR = 0xc0000006;
const STATUS_BREAKPOINT = 0x80000003;

/** The argument that has this meaning; undefined where the bug check has none or only some builds fill it. */
export function hintedArgument(dump: Dump, words: Words, key: HintKey): bigint | undefined {
  const { bugcheck } = dump;
  if (!bugcheck) return undefined;
  const hint = words
    .contextHint(bugcheck.code)
    .find((item) => item.key === key && !item.maybe && applies(item, bugcheck.parameters[0]));
  return hint && bugcheck.parameters[hint.argument - 1];
}

function applies(hint: ContextHint, first: bigint): boolean {
  return hint.whenFirst === undefined || hint.whenFirst === first;
}

/** Remarks on parameters that our table appends to some messages; they are no part of the message. */
const PARAMETER_REMARK = /; (?:info\[|ExceptionInformation).*$/;

/** `(NTSTATUS) 0xc0000218 - text`; the name where no text is known, the number alone where neither is. */
export function statusText(words: Words, code: bigint | number): string {
  const number = BigInt.asUintN(32, BigInt(code));
  const known = words.ntstatus(number);
  const start = `(NTSTATUS) 0x${number.toString(16)}`;
  if (!known) return start;
  if (known.text === "") return `${start} - ${known.name}`;
  const text = known.text.replace(PARAMETER_REMARK, "");
  return `${start} - ${text}${/[.!?]$/.test(text) ? "" : "."}`;
}

/** Code and parameters of the exception that the crash is about. */
interface CrashException {
  readonly code: number;
  readonly parameters: readonly bigint[];
}

/**
 * A user dump's own record. A kernel dump's record counts only when an argument names the same code: a bug check
 * without an exception leaves a breakpoint or stale bytes there.
 */
function crashException(dump: Dump, words: Words): CrashException | undefined {
  const { exception } = dump;
  if (!dump.bugcheck) return exception;
  const argument = hintedArgument(dump, words, "EXC");
  if (argument === undefined) return undefined;
  const code = Number(BigInt.asUintN(32, argument));
  return exception?.code === code && code !== STATUS_BREAKPOINT ? exception : { code, parameters: [] };
}

/** ERROR_CODE, EXCEPTION_CODE, EXCEPTION_CODE_STR and EXCEPTION_PARAMETERn of Windows dumps. */
export function exceptionFields(dump: Dump, words: Words): Record<string, string> {
  if (dump.system.os !== "Windows NT") return {};
  const exception = crashException(dump, words);
  if (exception) {
    return {
      ERROR_CODE: statusText(words, exception.code),
      EXCEPTION_CODE: statusText(words, exception.code),
      EXCEPTION_CODE_STR: exception.code.toString(16),
      ...Object.fromEntries(
        exception.parameters.map((value, index) => [
          `EXCEPTION_PARAMETER${index + 1}`,
          padded(value, dump.pointerSize),
        ]),
      ),
    };
  }
  const status = hintedArgument(dump, words, "STATUS");
  const code = dump.bugcheck?.code ?? 0;
  // Hard errors use an NTSTATUS of severity "error" as the stop code itself.
  if (code >= 0xc0000000 && words.ntstatus(code)) return { ERROR_CODE: statusText(words, code) };
  return status === undefined || status === 0n ? {} : { ERROR_CODE: statusText(words, status) };
}

/** READ_ADDRESS, WRITE_ADDRESS or EXECUTE_ADDRESS with what was accessed. */
export function accessField(dump: Dump, words: Words): Record<string, string> {
  const [kind, address] = accessOf(dump, words);
  if (kind === undefined || address === undefined) return {};
  return { [`${kind}_ADDRESS`]: padded(address, dump.pointerSize) };
}

type AccessKind = "READ" | "WRITE" | "EXECUTE";

function accessOf(dump: Dump, words: Words): [AccessKind | undefined, bigint | undefined] {
  if (dump.bugcheck) {
    return [accessKind(hintedArgument(dump, words, "OP")), hintedArgument(dump, words, "MEM")];
  }
  const { exception } = dump;
  const faults = exception?.code === STATUS_ACCESS_VIOLATION || exception?.code === STATUS_IN_PAGE_ERROR;
  if (dump.system.os !== "Windows NT" || !faults) return [undefined, undefined];
  return [accessKind(exception.parameters[0]), exception.parameters[1]];
}

/** 0 read; 1, since Windows 10 also 2, write; 8 and 0x10 execute. Other bits tell nothing for sure. */
function accessKind(operation: bigint | undefined): AccessKind | undefined {
  if (operation === 0n) return "READ";
  if (operation === 1n || operation === 2n) return "WRITE";
  return operation === 8n || operation === 0x10n ? "EXECUTE" : undefined;
}
