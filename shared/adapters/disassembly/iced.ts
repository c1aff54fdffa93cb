import { createRequire } from "node:module";
import type * as Iced from "iced-x86";
import type {
  AddressPart,
  Disassembler,
  Flow,
  Instruction,
  MemoryOperand,
  OperandAccess,
  Undecoded,
} from "../../triage/instruction/disassembler.ts";

// Not imported: reading the names that a CommonJS file of 900 KB exports takes longer than running it.
const iced = createRequire(import.meta.url)("iced-x86") as typeof Iced;

/**
 * x86 and x64 by iced-x86 (WebAssembly). Every object of it that is made here is freed here: its memory is
 * not the collector's.
 */
export class IcedDisassembler implements Disassembler {
  readonly #bits: 32 | 64;
  readonly #formatter: Iced.Formatter;
  readonly #infos: Iced.InstructionInfoFactory;
  /** Holds instructions of which only the length counts. */
  readonly #scratch: Iced.Instruction;

  constructor(bits: 32 | 64) {
    this.#bits = bits;
    this.#formatter = formatter();
    this.#infos = new iced.InstructionInfoFactory();
    this.#scratch = new iced.Instruction();
  }

  decode(code: Uint8Array, address: bigint): Instruction | Undecoded {
    const decoder = new iced.Decoder(this.#bits, code, iced.DecoderOptions.None);
    decoder.ip = address;
    const raw = decoder.decode();
    try {
      if (raw.isInvalid) return decoder.lastError === iced.DecoderError.NoMoreBytes ? "cut" : "invalid";
      return this.#read(raw);
    } finally {
      raw.free();
      decoder.free();
    }
  }

  length(code: Uint8Array): number {
    const decoder = new iced.Decoder(this.#bits, code, iced.DecoderOptions.None);
    decoder.decodeOut(this.#scratch);
    decoder.free();
    return this.#scratch.isInvalid ? 0 : this.#scratch.length;
  }

  #read(raw: Iced.Instruction): Instruction {
    const memory = this.#memory(raw);
    const target = targetOf(raw);
    const divides = DIVISIONS.has(raw.mnemonic);
    return {
      length: raw.length,
      parts: this.#text(raw),
      memory,
      flow: FLOWS[raw.flowControl] ?? "next",
      ...(target === undefined ? {} : { target }),
      privileged: raw.isPrivileged,
      ...(divides ? divisorOf(raw, memory) : {}),
      aligned: ALIGNED.test(iced.Mnemonic[raw.mnemonic] ?? ""),
    };
  }

  #memory(raw: Iced.Instruction): MemoryOperand[] {
    const info = this.#infos.info(raw);
    const explicit = explicitOperands(raw);
    const size = stringElement(raw);
    const found = info.usedMemory().map((used): MemoryOperand | undefined => {
      try {
        const access = ACCESSES[used.access as Iced.OpAccess];
        const index = registerName(used.index);
        const base = registerName(used.base);
        const segment = registerName(used.segment) as MemoryOperand["segment"];
        return access === undefined
          ? undefined
          : {
              access,
              size: iced.MemorySizeExt.size(used.memorySize) || size,
              ...(base === undefined ? {} : { base }),
              ...(index === undefined ? {} : { index }),
              scale: used.scale,
              displacement: BigInt.asIntN(this.#bits, used.displacement),
              ...(segment === undefined ? {} : { segment }),
              addressBits: addressBits(base ?? index, this.#bits),
              explicit: isExplicit(raw, used, explicit),
            };
      } finally {
        used.free();
      }
    });
    info.free();
    const operands = found.filter((one) => one !== undefined);
    return [...operands.filter((one) => one.explicit), ...operands.filter((one) => !one.explicit)];
  }

  /** The text as WinDbg writes it, which is MASM's with habits of its own. */
  #text(raw: Iced.Instruction): (string | AddressPart)[] {
    const text = this.#formatter.format(raw);
    const strings = stringText(raw, this.#bits);
    if (strings !== undefined) return [strings];
    const branch = nearTarget(raw);
    if (branch !== undefined) {
      const mnemonic = this.#formatter.formatMnemonic(raw).padEnd(8);
      const plain = ticked(branch, this.#bits);
      return [mnemonic.endsWith(" ") ? mnemonic : `${mnemonic} `, { address: branch, plain, brackets: false }];
    }
    const absolute = absoluteOperand(raw);
    if (absolute !== undefined) {
      const segment = /(?:ptr )?(?:(ds|es|ss|cs):)?\[[0-9A-F]+h?\]/.exec(text);
      if (!segment) return [text];
      const at = text.indexOf("[", segment.index);
      const before = text.slice(0, at).replace(/(?:ds|es|ss|cs):$/, "");
      const digits = ticked(absolute, this.#bits);
      const relative = raw.isIpRelMemoryOperand ? `[${digits}]` : text.slice(at, text.indexOf("]", at) + 1);
      const plain = this.#bits === 64 ? relative : `ds:[${digits}h]`;
      return [before, { address: absolute, plain, brackets: true }, text.slice(text.indexOf("]", at) + 1)];
    }
    return [withAccumulator(raw, this.#bits === 32 ? wideSegmentOffset(text) : text)];
  }
}

/** The 64-bit and 32-bit disassemblers, made once. */
const made = new Map<32 | 64, IcedDisassembler>();

/** Disassembler of 64-bit or 32-bit code. */
export function icedDisassembler(bits: 32 | 64): Disassembler {
  const known = made.get(bits) ?? new IcedDisassembler(bits);
  made.set(bits, known);
  return known;
}

function formatter(): Iced.Formatter {
  const masm = new iced.Formatter(iced.FormatterSyntax.Masm);
  masm.firstOperandCharIndex = 8;
  masm.showBranchSize = false;
  masm.masmAddDsPrefix32 = false;
  masm.memorySizeOptions = iced.MemorySizeOptions.Always;
  return masm;
}

const FLOWS: Readonly<Partial<Record<Iced.FlowControl, Flow>>> = {
  [iced.FlowControl.UnconditionalBranch]: "jump",
  [iced.FlowControl.IndirectBranch]: "jump",
  [iced.FlowControl.ConditionalBranch]: "branch",
  [iced.FlowControl.XbeginXabortXend]: "branch",
  [iced.FlowControl.Return]: "return",
  [iced.FlowControl.Call]: "call",
  [iced.FlowControl.IndirectCall]: "call",
  [iced.FlowControl.Interrupt]: "trap",
  [iced.FlowControl.Exception]: "trap",
};

/** Conditional accesses are taken as done: what faulted was. */
const ACCESSES: Readonly<Partial<Record<Iced.OpAccess, OperandAccess>>> = {
  [iced.OpAccess.Read]: "read",
  [iced.OpAccess.CondRead]: "read",
  [iced.OpAccess.Write]: "write",
  [iced.OpAccess.CondWrite]: "write",
  [iced.OpAccess.ReadWrite]: "readwrite",
  [iced.OpAccess.ReadCondWrite]: "readwrite",
};

const DIVISIONS: ReadonlySet<Iced.Mnemonic> = new Set([iced.Mnemonic.Div, iced.Mnemonic.Idiv]);
/** Instructions whose operand must be aligned: others of SSE need it too, and AVX ones do not. */
const ALIGNED = /^V?(?:Movap[sd]|Movdqa(?:32|64)?|Movntp[sd]|Movntdqa?|Fxsave(?:64)?|Fxrstor(?:64)?)$/;

const NO_REGISTER = iced.Register.None;

function registerName(register: Iced.Register): string | undefined {
  return register === NO_REGISTER ? undefined : iced.Register[register]?.toLowerCase();
}

function addressBits(register: string | undefined, bits: 32 | 64): 16 | 32 | 64 {
  if (register === undefined) return bits;
  if (/^(?:e|r\d+d$)/.test(register)) return 32;
  return /^[bs][xpi]$|^di$/.test(register) ? 16 : bits;
}

function explicitOperands(raw: Iced.Instruction): number {
  let count = 0;
  for (let index = 0; index < raw.opCount; index++) if (raw.opKind(index) === iced.OpKind.Memory) count += 1;
  return count;
}

/** An operand that the text shows has the registers of the instruction's own memory operand; string ones are all shown. */
function isExplicit(raw: Iced.Instruction, used: Iced.UsedMemory, explicit: number): boolean {
  if (raw.isStringInstruction) return true;
  if (explicit === 0) return false;
  if (raw.isIpRelMemoryOperand) return used.base === NO_REGISTER;
  return used.base === raw.memoryBase && used.index === raw.memoryIndex && !isOwnSlot(raw, used);
}

/** The slot that a push or call writes below the stack pointer, where the operand is on the stack too. */
function isOwnSlot(raw: Iced.Instruction, used: Iced.UsedMemory): boolean {
  return raw.isStackInstruction && used.displacement !== raw.memoryDisplacementU64;
}

const ELEMENTS: Readonly<Record<string, number>> = { b: 1, w: 2, d: 4, q: 8 };
/** String instructions by what follows their first letters: movsb, stosq, cmpsd. */
const STRINGS = /^(movs|stos|scas|lods|cmps|ins|outs)([bwdq])$/;

function stringForm(raw: Iced.Instruction): [form: string, element: string] | undefined {
  if (!raw.isStringInstruction) return undefined;
  const [, form, element] = STRINGS.exec((iced.Mnemonic[raw.mnemonic] ?? "").toLowerCase()) ?? [];
  return form === undefined || element === undefined ? undefined : [form, element];
}

function stringElement(raw: Iced.Instruction): number {
  return ELEMENTS[stringForm(raw)?.[1] ?? ""] ?? 0;
}

const WORDS: Readonly<Record<string, string>> = { b: "byte", w: "word", d: "dword", q: "qword" };

/** WinDbg writes string instructions with their operands: `rep movs byte ptr [rdi],byte ptr [rsi]`. */
function stringText(raw: Iced.Instruction, bits: 32 | 64): string | undefined {
  const [form, element] = stringForm(raw) ?? [];
  if (form === undefined || element === undefined || form === "ins" || form === "outs") return undefined;
  const letter = bits === 64 ? "r" : "e";
  const from = `${WORDS[element]} ptr [${letter}si]`;
  const to = `${WORDS[element]} ptr ${bits === 64 ? "" : "es:"}[${letter}di]`;
  const compares = form === "cmps" || form === "scas";
  const prefix = raw.hasRepnePrefix ? "repne " : raw.hasRepPrefix ? (compares ? "repe " : "rep ") : "";
  const operands = { movs: `${to},${from}`, stos: to, scas: to, lods: from, cmps: `${from},${to}` }[form];
  return `${prefix === "" ? form.padEnd(8) : `${prefix}${form} `}${operands}`;
}

const ACCUMULATORS: Readonly<Record<number, string>> = { 1: "al", 2: "ax", 4: "eax", 8: "rax" };
const ONE_OPERAND: ReadonlySet<Iced.Mnemonic> = new Set([
  iced.Mnemonic.Div,
  iced.Mnemonic.Idiv,
  iced.Mnemonic.Mul,
  iced.Mnemonic.Imul,
]);

/** WinDbg names the accumulator of a multiplication or division: `idiv    eax,ecx`. */
function withAccumulator(raw: Iced.Instruction, text: string): string {
  if (!ONE_OPERAND.has(raw.mnemonic) || raw.opCount !== 1) return text;
  const size =
    raw.op0Kind === iced.OpKind.Memory
      ? iced.MemorySizeExt.size(raw.memorySize)
      : iced.RegisterExt.size(raw.op0Register);
  const accumulator = ACCUMULATORS[size];
  return accumulator === undefined ? text : `${text.slice(0, 8)}${accumulator},${text.slice(8)}`;
}

/** WinDbg writes offsets in a segment of 32-bit code in full: `fs:[00000018h]`. */
function wideSegmentOffset(text: string): string {
  return text.replace(/\b([fg]s):\[([0-9A-F]+)h?\]/, (_, segment: string, digits: string) => {
    const bare = digits.replace(/^0+(?=.)/, "");
    return `${segment}:[${bare.padStart(8, "0").toLowerCase()}h]`;
  });
}

function divisorOf(raw: Iced.Instruction, memory: readonly MemoryOperand[]): { divisor?: string | MemoryOperand } {
  const divisor = raw.op0Kind === iced.OpKind.Memory ? memory[0] : registerName(raw.op0Register);
  return divisor === undefined ? {} : { divisor };
}

function nearTarget(raw: Iced.Instruction): bigint | undefined {
  const kind = raw.opCount > 0 ? raw.op0Kind : undefined;
  const near =
    kind === iced.OpKind.NearBranch16 || kind === iced.OpKind.NearBranch32 || kind === iced.OpKind.NearBranch64;
  return near ? raw.nearBranchTarget : undefined;
}

function targetOf(raw: Iced.Instruction): bigint | string | undefined {
  const near = nearTarget(raw);
  if (near !== undefined) return near;
  const indirect =
    raw.flowControl === iced.FlowControl.IndirectBranch || raw.flowControl === iced.FlowControl.IndirectCall;
  return indirect && raw.op0Kind === iced.OpKind.Register ? registerName(raw.op0Register) : undefined;
}

/** The address of an operand that no register moves: relative to the instruction, or x86's absolute one. */
function absoluteOperand(raw: Iced.Instruction): bigint | undefined {
  if (explicitOperands(raw) === 0 || raw.memoryIndex !== NO_REGISTER) return undefined;
  if (raw.isIpRelMemoryOperand) return raw.ipRelMemoryAddress;
  const flat = raw.memorySegment !== iced.Register.FS && raw.memorySegment !== iced.Register.GS;
  return raw.memoryBase === NO_REGISTER && flat ? raw.memoryDisplacementU64 : undefined;
}

function ticked(address: bigint, bits: 32 | 64): string {
  const digits = BigInt.asUintN(bits, address)
    .toString(16)
    .padStart(bits / 4, "0");
  return bits === 64 ? `${digits.slice(0, 8)}\`${digits.slice(8)}` : digits;
}
