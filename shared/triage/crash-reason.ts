import { truncateToPointer, type VirtualAddress } from "../dump/address.ts";
import type { Dump, DumpException } from "../dump/dump.ts";
import { linuxReason } from "./reason-linux.ts";
import { macReason } from "./reason-mac.ts";
import { windowsReason } from "./reason-windows.ts";
import type { Words } from "./words/words.ts";

/** The lookups that crash reasons need; tables that are not loaded leave numbers as numbers. */
export type ReasonWords = Pick<Words, "exceptionName" | "ntstatus" | "winError">;

/** Why a process crashed, in the words of `minidump-stackwalk --json`. */
export interface CrashReason {
  /** `crash_info.type`: `SIGSEGV / SEGV_MAPERR`, `EXCEPTION_ACCESS_VIOLATION_READ`, … */
  readonly type: string;
  /** `crash_info.address`: the memory that could not be accessed, else the instruction. */
  readonly address: VirtualAddress;
}

const EXCEPTION_ACCESS_VIOLATION = 0xc000_0005;
const EXCEPTION_IN_PAGE_ERROR = 0xc000_0006;

/** The reason of a dump's exception; undefined when it has none. */
export function crashReason(dump: Dump, words: ReasonWords): CrashReason | undefined {
  const { exception } = dump;
  if (!exception) return undefined;
  return { type: reasonText(dump, exception, words), address: crashAddress(dump, exception) };
}

function reasonText({ system, cpu }: Dump, exception: DumpException, words: ReasonWords): string {
  const known = (): string | undefined => {
    switch (system.os) {
      case "Windows NT":
        return windowsReason(exception, words);
      case "Linux":
      case "Android":
        return linuxReason(exception, words);
      case "Mac OS X":
      case "iOS":
        return macReason(exception, cpu, words);
      default:
        return undefined;
    }
  };
  return known() ?? `unknown ${hex32(exception.code)} / ${hex32(exception.flags)}`;
}

/** Windows puts the address of a failed access in the second parameter; 32-bit writers may sign-extend it. */
function crashAddress(dump: Dump, { code, parameters, address }: DumpException): VirtualAddress {
  const isAccess = code === EXCEPTION_ACCESS_VIOLATION || code === EXCEPTION_IN_PAGE_ERROR;
  const accessed = dump.system.os === "Windows NT" && isAccess ? parameters[1] : undefined;
  return truncateToPointer(accessed ?? address, dump.pointerSize);
}

function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}
