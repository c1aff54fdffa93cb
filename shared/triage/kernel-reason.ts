import { truncateToPointer } from "../dump/address.ts";
import type { Dump } from "../dump/dump.ts";
import type { CrashReason } from "./crash-reason.ts";
import type { Words } from "./words/words.ts";

/**
 * `crash_info` of a kernel dump: the stop code's name, and the address that it is about: the memory that was
 * accessed, else the instruction that faulted, as far as the arguments tell.
 */
export function kernelReason(dump: Dump, words: Words): CrashReason | undefined {
  const { bugcheck, exception } = dump;
  if (!bugcheck) return undefined;
  const name = words.bugcheck(bugcheck.code)?.name ?? words.ntstatus(bugcheck.code)?.name;
  const hints = words.contextHint(bugcheck.code);
  const argument = (["MEM", "IP"] as const)
    .map((key) =>
      hints.find((hint) => hint.key === key && (hint.whenFirst ?? bugcheck.parameters[0]) === bugcheck.parameters[0]),
    )
    .find((hint) => hint !== undefined);
  const address = argument ? bugcheck.parameters[argument.argument - 1] : exception?.address;
  return {
    type: name ?? `BUGCHECK_0x${bugcheck.code.toString(16)}`,
    address: truncateToPointer(address ?? 0n, dump.pointerSize),
  };
}
