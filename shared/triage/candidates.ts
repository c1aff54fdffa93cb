import type { VirtualAddress } from "../dump/address.ts";
import type { Dump } from "../dump/dump.ts";
import type { StopFacts } from "./stop-codes/stop-facts.ts";
import type { Confidence } from "./verdict.ts";

/** Who may be to blame, in the order of formats/analyze.md §6: the kernel's own word, arguments, the fault, the stack. */

/** A frame of the crashing thread, as far as a verdict looks at it. */
export interface VerdictFrame {
  readonly address: VirtualAddress;
  /** Function name without offset, when symbols tell. */
  readonly symbol?: string;
  /** FrameTrust as reports print it. */
  readonly trust: string;
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
}

/** Something that may be the culprit or lie in it, and what it counts for. */
export interface Candidate {
  readonly rule: string;
  /** What was seen, in names and numbers. */
  readonly what: string;
  readonly confidence: Confidence;
  readonly address?: VirtualAddress;
  readonly symbol?: string;
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
export function candidatesOf({ dump, stop, frames }: VerdictInput): Candidate[] {
  const out: Candidate[] = [];
  const add = (rule: string, address: bigint | undefined, what: string, confidence: Confidence): void => {
    if (address) out.push({ rule, address: address as VirtualAddress, what, confidence });
  };
  const { bugcheck, exception, kernel } = dump;
  add("broken-driver", kernel?.brokenDriver, "the kernel recorded the driver at", "high");
  for (const { rule, seen, confidence, address, image, hardware, process, remark } of stop?.blame ?? []) {
    const other = hardware ?? process;
    out.push({
      rule,
      what: seen,
      confidence,
      ...(address === undefined ? {} : { address }),
      ...(image === undefined ? {} : { image }),
      ...(other === undefined ? {} : { other }),
      ...(remark ? { unblamed: true } : {}),
    });
  }
  if (exception && !(bugcheck && exception.code === STATUS_BREAKPOINT)) {
    // Breakpad writes the address of the access where Windows writes that of the instruction.
    if (exception.context) add("exception-context", exception.context.pc, "the exception was raised at", "medium");
    else if (dump.system.os === "Windows NT") {
      add("exception-address", exception.address, "the exception was raised at", "medium");
    }
  }
  for (const [index, frame] of (frames ?? []).slice(0, MAX_FRAMES).entries()) {
    const guessed = GUESSED.has(frame.trust);
    out.push({
      rule: guessed ? "stack-guess" : "stack",
      what: `${guessed ? "possibly " : ""}frame ${index} from the fault (${frame.trust}) is at`,
      confidence: guessed ? "low" : "medium",
      address: frame.address,
      ...(frame.symbol === undefined ? {} : { symbol: frame.symbol }),
      ...(guessed ? { unblamed: true } : {}),
    });
  }
  const thread = dump.crashingThread === undefined ? undefined : dump.threads[dump.crashingThread];
  add("context-ip", thread?.context?.pc, "the thread stood at", "low");
  return out;
}
