import type { DumpException } from "../dump/dump.ts";
import type { ReasonWords } from "./crash-reason.ts";

/** Groups of si_code values that belong to one signal. */
const KINDS: Readonly<Record<string, string>> = {
  SIGILL: "SigillKind",
  SIGTRAP: "SigtrapKind",
  SIGFPE: "SigfpeKind",
  SIGSEGV: "SigsegvKind",
  SIGBUS: "SigbusKind",
  SIGSYS: "SigsysKind",
};

/** Signal and si_code by name; code is the signal's number, flags its si_code. Undefined for unknown signals. */
export function linuxReason({ code, flags }: DumpException, words: ReasonWords): string | undefined {
  const signal = words.exceptionName("linux", "Code", code);
  if (signal === undefined) return undefined;
  const group = KINDS[signal];
  const kind = group === undefined ? undefined : words.exceptionName("linux", group, flags);
  if (kind !== undefined) return `${signal} / ${kind}`;
  const sender = words.exceptionName("linux", "Sicode", flags);
  if (sender === "SI_USER") return signal;
  return `${signal} / ${sender ?? `0x${flags.toString(16).padStart(8, "0")}`}`;
}
