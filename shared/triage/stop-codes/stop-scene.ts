import { addOffset, hexAddress, truncateToPointer, type VirtualAddress } from "../../dump/address.ts";
import type { CpuContext } from "../../dump/cpu-context.ts";
import type { Dump, DumpModule, DumpThread } from "../../dump/dump.ts";
import type { FoundException } from "../../dump/kernel-dump/trap-frame/exception-record.ts";
import { readTrapFrame, type TrapFrame } from "../../dump/kernel-dump/trap-frame/trap-frame.ts";
import { readExact, readPointer } from "../../dump/memory.ts";
import type { Notes } from "../../notes.ts";
import { type BlameSource, blameRank } from "../blame-order.ts";
import { plainStopCode } from "../kernel-bucket.ts";
import { baseName, moduleAt, unloadedModuleAt } from "../module-at.ts";
import type { Confidence } from "../verdict.ts";
import type { Words } from "../words/words.ts";
import type { Access, BucketParts, FaultSource, StopBlame, StopFacts, StopInput } from "./stop-facts.ts";

/** How strongly a candidate was meant: decoders know best, then arguments, then the place of the fault. */
export type BlameRank = "decoder" | "argument" | "context" | "hint";

/** The source of lists/blame-order.txt that a rank stands for. */
const SOURCES: Readonly<Record<BlameRank, BlameSource>> = {
  decoder: "decoder",
  argument: "argument",
  context: "fault",
  hint: "hint",
};

/**
 * What a decoder works on: the arguments, the memory behind them, and the facts so far. Setters of the
 * fault keep the first value: the record that an argument names beats one found by its form.
 */
export class StopScene {
  readonly dump: Dump;
  readonly words: Words;
  readonly notes: Notes;
  /** Stop code without the minidump bit. */
  readonly code: number;
  readonly thread: DumpThread | undefined;
  readonly build: number;
  readonly #blame: { readonly rank: number; readonly blame: StopBlame }[] = [];
  readonly #analysis: Record<string, string> = {};
  #bucket: BucketParts = {};
  #context: { readonly context: CpuContext; readonly source: FaultSource } | undefined;
  #trapFrame: VirtualAddress | undefined;
  #contextRecord: VirtualAddress | undefined;
  #exception: FoundException | undefined;
  #accessed: VirtualAddress | undefined;
  #access: Access | undefined;
  #irql: number | undefined;

  constructor({ dump, words, notes }: StopInput) {
    this.dump = dump;
    this.words = words;
    this.notes = notes;
    this.code = plainStopCode(dump.bugcheck?.code ?? 0);
    this.thread = dump.crashingThread === undefined ? undefined : dump.threads[dump.crashingThread];
    this.build = dump.system.osBuild ?? 0;
  }

  /** Argument 1..4 as an address of the crashed machine. */
  arg(number: 1 | 2 | 3 | 4): VirtualAddress {
    return truncateToPointer(this.dump.bugcheck?.parameters[number - 1] ?? 0n, this.dump.pointerSize);
  }

  /** Argument 1..4 as an NTSTATUS or another 32-bit number. */
  arg32(number: 1 | 2 | 3 | 4): number {
    return Number(BigInt.asUintN(32, this.arg(number)));
  }

  get pointerSize(): 4 | 8 {
    return this.dump.pointerSize;
  }

  get context(): CpuContext | undefined {
    return this.#context?.context;
  }

  get trapFrame(): VirtualAddress | undefined {
    return this.#trapFrame;
  }

  get exception(): FoundException | undefined {
    return this.#exception;
  }

  get accessed(): VirtualAddress | undefined {
    return this.#accessed;
  }

  get access(): Access | undefined {
    return this.#access;
  }

  /** `length` bytes, or undefined when any of them is not in the dump. */
  read(address: VirtualAddress, length: number): Uint8Array | undefined {
    return address === 0n ? undefined : readExact(this.dump.memory, address, length);
  }

  /** As many bytes as the dump has there in a row, `length` at most. */
  readUpTo(address: VirtualAddress, length: number): Uint8Array {
    return address === 0n ? new Uint8Array(0) : this.dump.memory.read(address, length).bytes;
  }

  /** The pointer at `address + offset`. */
  pointer(address: VirtualAddress, offset = 0): VirtualAddress | undefined {
    return address === 0n
      ? undefined
      : readPointer(this.dump.memory, addOffset(address, offset), this.dump.pointerSize);
  }

  /** Whether the value is an address of the kernel's half. */
  isKernelAddress(address: bigint): boolean {
    return address >= (this.pointerSize === 8 ? 0xffff_8000_0000_0000n : 0x8000_0000n);
  }

  /** Whether code may lie there: in an image that is or was loaded. */
  isCode(address: VirtualAddress): boolean {
    return moduleAt(this.dump, address) !== undefined || unloadedModuleAt(this.dump, address) !== undefined;
  }

  module(address: VirtualAddress): DumpModule | undefined {
    return moduleAt(this.dump, address);
  }

  /** Hex as reports print it. */
  hex(address: bigint): string {
    return hexAddress(address, this.pointerSize);
  }

  /** A field of the analysis; the first value given stays. */
  field(name: string, value: string | undefined): void {
    if (value !== undefined && value !== "") this.#analysis[name] ??= value;
  }

  /** A field that holds an address, without the `0x` that WinDbg leaves out. */
  addressField(name: string, address: bigint | undefined): void {
    if (address !== undefined && address !== 0n) this.field(name, this.hex(address).slice(2));
  }

  /** Adds to the bucket's parts; later values win. */
  bucket(parts: BucketParts): void {
    this.#bucket = { ...this.#bucket, ...parts };
  }

  get bucketParts(): BucketParts {
    return this.#bucket;
  }

  /** A candidate by its address; one in no image is kept as a remark that blames nobody. */
  blameAddress(rank: BlameRank, rule: string, address: VirtualAddress, what: string, confidence: Confidence): boolean {
    if (address === 0n) return false;
    const module = moduleAt(this.dump, address);
    const unloaded = module ? undefined : unloadedModuleAt(this.dump, address);
    const image = module ?? unloaded;
    const at = `${what} ${this.hex(address)}`;
    if (!image) {
      this.#push(rank, { rule, seen: `${at} in no module`, confidence: "none", address });
      return false;
    }
    const name = baseName(image.path);
    const seen = `${at} in ${unloaded ? "unloaded " : ""}${name}`;
    this.#push(rank, { rule, seen, confidence, address, image: name, ...(unloaded ? { unloaded: true } : {}) });
    return true;
  }

  /** A candidate that is no address: an image by its name, hardware, a process. */
  blame(rank: BlameRank, blame: StopBlame): void {
    this.#push(rank, blame);
  }

  #push(rank: BlameRank, blame: StopBlame): void {
    const source = SOURCES[rank];
    this.#blame.push({ rank: blameRank(source), blame: { ...blame, source } });
  }

  /** The accessed address and what was tried there. */
  setAccess(address: VirtualAddress | undefined, access: Access | undefined): void {
    this.#accessed ??= address;
    this.#access ??= access;
  }

  /** IRQL at the failure; values that no processor has are not taken. */
  setIrql(irql: bigint | number): void {
    const max = this.pointerSize === 8 ? 15n : 31n;
    if (this.#irql === undefined && BigInt(irql) <= max) this.#irql = Number(irql);
  }

  /** Registers at the failure; the first ones stay. */
  setContext(context: CpuContext, source: FaultSource, at?: VirtualAddress): void {
    if (this.#context) return;
    this.#context = { context, source };
    if (at !== undefined) this.#contextRecord = at;
  }

  /** Trap frame at the failure: its registers count unless a context is known. */
  setTrapFrame(frame: TrapFrame, source: "trap-frame" | "stack-trap-frame"): void {
    this.#trapFrame ??= frame.address;
    this.setContext(frame.context, source);
  }

  /** Trap frame by which the failing code entered the kernel: not the place of the fault. */
  setEntryFrame(frame: TrapFrame): void {
    this.#trapFrame ??= frame.address;
  }

  setException(exception: FoundException): void {
    this.#exception ??= exception;
  }

  /** Reads a trap frame, with its nonvolatile registers where they were saved. */
  readTrapFrame(address: VirtualAddress): TrapFrame | undefined {
    return readTrapFrame(this.dump.memory, this.dump.cpu, address, this.build, this.thread?.context?.sp);
  }

  /** Everything that was found. */
  facts(): StopFacts {
    const ordered = [...this.#blame].sort((a, b) => a.rank - b.rank).map(({ blame }) => blame);
    return {
      ...(this.#context ? { faultingContext: this.#context.context, faultSource: this.#context.source } : {}),
      ...(this.#trapFrame === undefined ? {} : { trapFrame: this.#trapFrame }),
      ...(this.#contextRecord === undefined ? {} : { contextRecord: this.#contextRecord }),
      ...(this.#exception ? { exceptionRecord: this.#exception } : {}),
      ...(this.#accessed === undefined ? {} : { accessedAddress: this.#accessed }),
      ...(this.#access ? { access: this.#access } : {}),
      ...(this.#irql === undefined ? {} : { irql: this.#irql }),
      blame: ordered.filter(({ seen }, index) => ordered.findIndex((other) => other.seen === seen) === index),
      analysis: this.#analysis,
      bucketParts: this.#bucket,
    };
  }
}
