/**
 * What the arguments of a bug check hold besides numbers: the places where a context, an exception
 * record or the address of the guilty code can be found.
 */

/** Meanings that an argument may have. VA = virtual address. */
export const HINT_KEYS = [
  /** Exception code. */
  "EXC",
  /** VA of the faulting instruction. */
  "IP",
  /** VA of an EXCEPTION_RECORD. */
  "EXR",
  /** VA of a CONTEXT. */
  "CXR",
  /** VA of a KTRAP_FRAME. */
  "TRAP",
  /** VA that was accessed. */
  "MEM",
  /** Kind of that access. */
  "OP",
  "IRQL",
  /** VA inside the guilty image. */
  "BLAME",
  /** NTSTATUS. */
  "STATUS",
  /** VA of EPROCESS, ETHREAD, an object, a DEVICE_OBJECT, an IRP, a KPRCB. */
  "PROCESS",
  "THREAD",
  "OBJECT",
  "DEVOBJ",
  "IRP",
  "PRCB",
  /** VA of a string. */
  "NAME",
  "MSG",
  /** VA of a WHEA_ERROR_RECORD. */
  "WHEA",
  /** Fast-fail code. */
  "FASTFAIL",
  /** Sub-code that selects what the other arguments mean. */
  "MM",
  "POWER",
  "POOL",
  "HEAP",
  "VERIFIER",
  /** Trap number of the CPU. */
  "VECTOR",
  /** Stack pointer at the fault. */
  "SP",
  "PTE",
  "CPU",
  /** VA of EXCEPTION_POINTERS. */
  "EXCPTRS",
  /** First and second ExceptionInformation value. */
  "EXI0",
  "EXI1",
  /** No argument: the current stack is what to look at. */
  "STACKSCAN",
] as const;

/** One of HINT_KEYS. */
export type HintKey = (typeof HINT_KEYS)[number];

/** One item of a bug check's context hint. */
export interface ContextHint {
  readonly key: HintKey;
  /** Number of the argument, 1..4. */
  readonly argument: 1 | 2 | 3 | 4;
  /** Last argument of a run (`POOL=2..4`); equal to `argument` for a single one. */
  readonly lastArg: 1 | 2 | 3 | 4;
  /** True when only some builds fill the argument so. */
  readonly maybe: boolean;
  /** Holds only when the first argument has this value. */
  readonly whenFirst?: bigint;
}

const ITEM = /^([A-Z0-9]+)=([1-4])(?:\.\.([1-4]))?(\?)?(?:\s*\((.*)\))?$/;
const CONDITION = /^when p1=(\w+)$/;

/**
 * Reads a `context_hint` column: `KEY=n` items separated by `;`. Remarks that are no such item are
 * for people and yield nothing.
 */
export function parseContextHint(text: string): ContextHint[] {
  const hints: ContextHint[] = [];
  for (const item of text.split(";")) {
    const match = ITEM.exec(item.trim());
    const key = HINT_KEYS.find((known) => known === match?.[1]);
    const argument = argumentNumber(match?.[2]);
    if (match === null || key === undefined || argument === undefined) continue;
    const condition = CONDITION.exec(match[5] ?? "")?.[1];
    hints.push({
      key,
      argument,
      lastArg: argumentNumber(match[3]) ?? argument,
      maybe: match[4] !== undefined,
      ...(condition !== undefined && { whenFirst: BigInt(condition) }),
    });
  }
  return hints;
}

function argumentNumber(digit: string | undefined): 1 | 2 | 3 | 4 | undefined {
  return ([1, 2, 3, 4] as const).find((number) => String(number) === digit);
}
