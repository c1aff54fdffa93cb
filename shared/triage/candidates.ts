import type { VirtualAddress } from "../dump/address.ts";
import type { Dump } from "../dump/dump.ts";
import { type BlameSource, blameRank, stopBlameRule } from "./blame-order.ts";
import { plainStopCode } from "./kernel-bucket.ts";
import type { StopFacts } from "./stop-codes/stop-facts.ts";
import type { Confidence } from "./verdict.ts";

/** Who may be to blame, in the order of lists/blame-order.txt: the kernel's own word, arguments, the fault, the stack. */

/** A frame of the crashing thread, as far as a verdict looks at it. */
export interface VerdictFrame {
  readonly address: VirtualAddress;
  /** Function name without offset, when symbols tell. */
  readonly symbol?: string;
  /** Bytes from the function's start to the address. */
  readonly symbolOffset?: number;
  /** The name is that of the export before it: it tells what an entry of a list may know, and names no bucket. */
  readonly exported?: true;
  /** FrameTrust as reports print it. */
  readonly trust: string;
  /** The words that debuggers print as its arguments, when the walk read them. */
  readonly args?: readonly bigint[];
}

/** What a verdict is made from. */
export interface VerdictInput {
  readonly dump: Dump;
  /** `crash_info.type` of the report: names the failure of a user dump. */
  readonly crashType: string | undefined;
  /** What the stop code's arguments led to; absent for user dumps. */
  readonly stop?: StopFacts;
  /** The crashing thread from the fault on, innermost first. */
  readonly frames?: readonly VerdictFrame[];
  /** The failed access is the end of the thread's stack. */
  readonly stackExhausted?: boolean;
  /** The failing code stands in the middle of an instruction of its image. */
  readonly misalignedIp?: boolean;
}

/** Something that may be the culprit or lie in it, and what it counts for. */
export interface Candidate {
  readonly rule: string;
  readonly source: BlameSource;
  /** What was seen, in names and numbers. */
  readonly what: string;
  readonly confidence: Confidence;
  readonly address?: VirtualAddress;
  readonly symbol?: string;
  /** Bytes from the function's start to the address. */
  readonly symbolOffset?: number;
  /** The name is that of the export before it. */
  readonly exported?: true;
  /** It is the call that raised the stop. */
  readonly raises?: true;
  /** Base name of an image, where no address tells which. */
  readonly image?: string;
  /** No image at all: memory, a processor, a program that ended. */
  readonly other?: string;
  /** It is mentioned and never blamed: a guess, or a remark. */
  readonly unblamed?: true;
}

const STATUS_BREAKPOINT = 0x80000003;
/** Frames that a verdict looks at: deeper ones called, they did not crash. */
const MAX_FRAMES = 32;
/** Trusts that a frame is guessed under. */
const GUESSED: ReadonlySet<string> = new Set(["scan", "cfi_scan", "none"]);

/** All candidates, best first. */
export function candidatesOf(input: VerdictInput): Candidate[] {
  const rule = verdictRule(input);
  const unasked = (source: BlameSource): boolean =>
    rule?.effect === "nobody" || (rule !== undefined && CRASHING_STACK.has(source));
  return [...evidence(input)]
    .map((candidate) => placed(input, candidate))
    .map((candidate) => (unasked(candidate.source) ? { ...candidate, unblamed: true as const } : candidate))
    .sort((a, b) => blameRank(a.source) - blameRank(b.source));
}

/** Sources that are silent where a stop code says that the crashing stack only noticed. */
const CRASHING_STACK: ReadonlySet<BlameSource> = new Set(["fault", "stack", "thread", "guess"]);

/** What the stop code says of whom to ask; nothing where the registers are those of the processor that hangs. */
export function verdictRule({ dump, stop }: VerdictInput) {
  if (!dump.bugcheck || stop?.faultSource === "processor") return undefined;
  return stopBlameRule(plainStopCode(dump.bugcheck.code), dump.bugcheck.parameters[0]);
}

/** Rule of code that no jump of its program leads to. */
export const MISALIGNED = "misaligned-ip";

function* evidence({ dump, stop, frames, misalignedIp }: VerdictInput): Generator<Candidate> {
  const { bugcheck, exception, kernel } = dump;
  const at = (
    source: BlameSource,
    rule: string,
    address: bigint | undefined,
    what: string,
    confidence: Confidence,
  ): Candidate[] => (address ? [{ source, rule, address: address as VirtualAddress, what, confidence }] : []);
  yield* at("kernel-record", "broken-driver", kernel?.brokenDriver, "the kernel recorded the driver at", "high");
  for (const { rule, seen, confidence, source = "decoder", address, image, hardware, process, remark } of stop?.blame ??
    []) {
    const other = hardware ?? process;
    yield {
      rule,
      source,
      what: seen,
      confidence,
      ...(address === undefined ? {} : { address }),
      ...(image === undefined ? {} : { image }),
      ...(other === undefined ? {} : { other }),
      ...(remark ? { unblamed: true } : {}),
    };
  }
  if (bugcheck && misalignedIp) {
    const what =
      "the failing code stands in the middle of an instruction: a processor or an overwritten address led there";
    yield { rule: MISALIGNED, source: "decoder", what, confidence: "medium", other: "hardware" };
  }
  if (exception && !(bugcheck && exception.code === STATUS_BREAKPOINT)) {
    const what = "the exception was raised at";
    // Breakpad writes the address of the access where Windows writes that of the instruction.
    if (exception.context) yield* at("fault", "exception-context", exception.context.pc, what, "medium");
    else if (dump.system.os === "Windows NT")
      yield* at("fault", "exception-address", exception.address, what, "medium");
  }
  for (const [index, frame] of (frames ?? []).slice(0, MAX_FRAMES).entries()) yield stackCandidate(dump, frame, index);
  const thread = dump.crashingThread === undefined ? undefined : dump.threads[dump.crashingThread];
  yield* at("thread", "context-ip", thread?.context?.pc, "the thread stood at", "low");
}

function stackCandidate(dump: Dump, frame: VerdictFrame, index: number): Candidate {
  const guessed = GUESSED.has(frame.trust);
  const inKernel = dump.bugcheck !== undefined && isKernelHalf(dump, frame.address);
  // A program cannot be to blame for a stop of the kernel that it called.
  const inProgram = dump.bugcheck !== undefined && !inKernel;
  // Triage dumps have no unwind data. Scans of x64 kernel stacks only take what stands where calls leave it: better a
  // driver with low confidence than the kernel.
  const telling = inKernel && dump.cpu === "amd64";
  return {
    rule: guessed ? "stack-guess" : "stack",
    source: guessed ? "guess" : "stack",
    what: `${guessed ? "possibly " : ""}frame ${index} from the fault (${frame.trust}) is at`,
    confidence: guessed ? "low" : "medium",
    address: frame.address,
    ...((guessed && !telling) || inProgram ? { unblamed: true } : {}),
  };
}

function isKernelHalf(dump: Dump, address: VirtualAddress): boolean {
  return address >= (dump.pointerSize === 8 ? 0xffff_8000_0000_0000n : 0x8000_0000n);
}

/** Adds what the stack knows of a candidate's address, however it was found. */
function placed({ dump, frames }: VerdictInput, candidate: Candidate): Candidate {
  const frame = frames?.find(({ address }) => address === candidate.address);
  if (!frame) return candidate;
  return {
    ...candidate,
    ...(frame.symbol === undefined ? {} : { symbol: frame.symbol }),
    ...(frame.symbolOffset === undefined ? {} : { symbolOffset: frame.symbolOffset }),
    ...(frame.exported ? { exported: true } : {}),
    ...(raisesStop(dump, frame) ? { raises: true } : {}),
  };
}

/** Whether a frame was called with the stop code and its arguments: KeBugCheckEx and what it calls. */
function raisesStop({ bugcheck }: Dump, { args }: VerdictFrame): boolean {
  if (!bugcheck || args === undefined || args.length < 3) return false;
  const [code, ...rest] = args;
  const isCode = code === BigInt(bugcheck.code) || code === BigInt(plainStopCode(bugcheck.code));
  return isCode && rest.every((value, index) => value === bugcheck.parameters[index]);
}
