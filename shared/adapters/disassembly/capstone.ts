import { createRequire } from "node:module";
import { arm64Facts } from "../../triage/instruction/arm64-operands.ts";
import type { AddressPart, Disassembler, Instruction, Undecoded } from "../../triage/instruction/disassembler.ts";

/** What we use of capstone.js, which comes without types. */
interface CapstoneModule {
  readonly ARCH_ARM64: number;
  readonly MODE_ARM: number;
  readonly Capstone: new (
    arch: number,
    mode: number,
  ) => {
    /** @throws when nothing can be decoded */
    disasm(code: Uint8Array, address: bigint): readonly { readonly mnemonic: string; readonly op_str: string }[];
  };
}

/** ARM64 by Capstone (WebAssembly) for the text, and by our own decoder for operands, which capstone.js has none of. */
export async function capstoneDisassembler(): Promise<Disassembler> {
  const start = createRequire(import.meta.url)("@alexaltea/capstone-js") as () => Promise<CapstoneModule>;
  const capstone = await start();
  const arm64 = new capstone.Capstone(capstone.ARCH_ARM64, capstone.MODE_ARM);
  const text = (code: Uint8Array, address: bigint): readonly [string, string] | undefined => {
    try {
      const [first] = arm64.disasm(code, address);
      return first && [first.mnemonic, first.op_str];
    } catch {
      // It answers bytes that are no instruction with an exception.
      return undefined;
    }
  };
  return {
    decode: (code, address) => decode(code, address, text),
    length: (code) => (code.length >= WIDTH && text(code.subarray(0, WIDTH), 0n) ? WIDTH : 0),
  };
}

const WIDTH = 4;

function decode(
  code: Uint8Array,
  address: bigint,
  read: (code: Uint8Array, address: bigint) => readonly [string, string] | undefined,
): Instruction | Undecoded {
  if (code.length < WIDTH) return "cut";
  const bytes = code.subarray(0, WIDTH);
  const found = read(bytes, address);
  if (!found) return "invalid";
  const word = new DataView(bytes.buffer, bytes.byteOffset, WIDTH).getUint32(0, true);
  const facts = arm64Facts(word, address);
  return {
    length: WIDTH,
    parts: armText(found[0], found[1], facts.literal),
    aligned: false,
    privileged: false,
    ...facts,
  };
}

/** As WinDbg writes it: the mnemonic in 12 columns, no spaces between operands, `fp` and `lr` by their names. */
function armText(mnemonic: string, operands: string, literal: bigint | undefined): (string | AddressPart)[] {
  if (operands === "") return [mnemonic];
  const text = `${mnemonic.padEnd(11)} ${operands
    .replace(/, /g, ",")
    .replace(/\bx29\b/g, "fp")
    .replace(/\bx30\b/g, "lr")}`;
  const at = text.lastIndexOf("#0x");
  if (literal === undefined || at < 0) return [text];
  const digits = BigInt.asUintN(64, literal).toString(16).padStart(16, "0");
  const plain = `${digits.slice(0, 8)}\`${digits.slice(8)}`;
  return [text.slice(0, at), { address: literal, plain, brackets: false }];
}
