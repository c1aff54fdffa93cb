import type { Dump } from "../dump/dump.ts";
import type { AddressPart } from "../triage/instruction/disassembler.ts";
import type { CodeAt, InstructionFacts, OperandFacts } from "../triage/instruction/instruction-facts.ts";
import { integerOf, pointerTarget } from "../triage/instruction/operands.ts";
import { oneLine, ticked } from "./text/format.ts";

/** Instructions as WinDbg lists them: address, bytes, text, and behind it what its operands held. */

type Places = ReadonlyMap<bigint, string>;

/** Columns of the bytes of x86 and x64 code. */
const BYTE_COLUMNS = 16;

/** `` fffff806`56786674 8a8164010000    mov     al,byte ptr [rcx+164h] ``; `??` and `???` where there is no code. */
export function codeLine(dump: Dump, code: CodeAt, places: Places): string {
  const address = ticked(code.address, dump.pointerSize);
  if (code.missing === "no-disassembler") return address;
  const bytes = codeBytesText(dump, code);
  return `${address} ${bytes.padEnd(dump.cpu === "arm64" ? 8 : BYTE_COLUMNS - 1)} ${codeText(dump, code, places)}`;
}

/** The text of the instruction alone. */
export function codeText(dump: Dump, { instruction }: CodeAt, places: Places): string {
  if (!instruction) return "???";
  return oneLine(
    instruction.parts.map((part) => (typeof part === "string" ? part : named(dump, part, places))).join(""),
  );
}

/** `8a8164010000`; ARM64 as one word, which its manual writes with the highest byte first. */
export function codeBytesText(dump: Dump, { bytes, instruction }: CodeAt): string {
  if (bytes.length === 0) return "??";
  // Of bytes that are no instruction debuggers show the first.
  const shown = instruction ? bytes : bytes.subarray(0, dump.cpu === "arm64" ? 4 : 1);
  const digits = [...shown].map((byte) => byte.toString(16).padStart(2, "0"));
  return (dump.cpu === "arm64" ? digits.reverse() : digits).join("");
}

function named(dump: Dump, { address, plain, brackets }: AddressPart, places: Places): string {
  const place = places.get(address);
  if (place === undefined) return plain;
  const text = `${place} (${ticked(address, dump.pointerSize)})`;
  return brackets ? `[${text}]` : text;
}

/**
 * What debuggers append where they know the registers: segment, address and value of each operand,
 * `` ds:002b:00000000`00000008=???????? ``. Empty for ARM64, where they append nothing.
 */
export function operandValues(dump: Dump, facts: InstructionFacts): string {
  if (dump.cpu !== "amd64" && dump.cpu !== "x86") return "";
  return facts.operands
    .filter(({ operand, address }) => operand.explicit && address !== undefined)
    .map((operand) => ` ${operandValue(dump, facts, operand)}`)
    .join("");
}

/**
 * The selector that debuggers write before an address: always in 32-bit code; in 64-bit kernel code where the record
 * holds segment registers, which trap frames do not; never in 64-bit user code.
 */
function selectorOf(dump: Dump, { segments }: InstructionFacts, segment: keyof typeof X86_KERNEL): string {
  if (dump.cpu === "amd64" && !dump.bugcheck) return "";
  const value = segments?.[segment] ?? (dump.cpu === "x86" && dump.bugcheck ? X86_KERNEL[segment] : undefined);
  return value === undefined ? "" : `${value.toString(16).padStart(4, "0")}:`;
}

/** What 32-bit kernels run with. */
const X86_KERNEL = { cs: 0x08, ds: 0x23, es: 0x23, fs: 0x30, gs: 0, ss: 0x10 } as const;

function operandValue(dump: Dump, facts: InstructionFacts, found: OperandFacts): string {
  const { operand, address = 0n, value } = found;
  const segment = operand.segment ?? "ds";
  const place = `${segment}:${selectorOf(dump, facts, segment)}${ticked(address, dump.pointerSize)}`;
  const pointer = pointerTarget(dump, facts, found);
  const target = pointer === undefined ? undefined : facts.places.get(pointer);
  if (pointer !== undefined && target !== undefined) {
    return `${place}={${oneLine(target)} (${ticked(pointer, dump.pointerSize)})}`;
  }
  const digits = Math.min(operand.size, 64) * 2;
  if (digits === 0) return place;
  return `${place}=${value ? integerOf(value).toString(16).padStart(digits, "0") : "?".repeat(digits)}`;
}
