import type { VirtualAddress } from "../../dump/address.ts";
import type { CpuContext } from "../../dump/cpu-context.ts";
import type { Dump } from "../../dump/dump.ts";
import type { FoundException } from "../../dump/kernel-dump/trap-frame/exception-record.ts";
import type { Notes } from "../../notes.ts";
import type { BlameSource } from "../blame-order.ts";
import type { Confidence } from "../verdict.ts";
import type { Words } from "../words/words.ts";
import type { StopScene } from "./stop-scene.ts";

/** What a stop code says once its arguments are followed into memory. */

/** What the decoders read. */
export interface StopInput {
  readonly dump: Dump;
  readonly words: Words;
  /** Where what could not be read is noted; equal notes of a step's several runs are kept once. */
  readonly notes: Notes;
}

/** How the faulting context was found. */
export type FaultSource =
  | "context-record"
  | "trap-frame"
  | "stack-context"
  | "stack-trap-frame"
  | "header"
  | "processor";

/** One candidate for the blame: the first that names somebody is the decoder's choice. */
export interface StopBlame {
  readonly rule: string;
  /** What was seen, in names and numbers. */
  readonly seen: string;
  readonly confidence: Confidence;
  /** Whom it comes from; a scene fills it in. */
  readonly source?: BlameSource;
  /** Address inside the image. */
  readonly address?: VirtualAddress;
  /** Base name of the image, with its extension. */
  readonly image?: string;
  /** The image was unloaded before the crash. */
  readonly unloaded?: boolean;
  /** Not a program at all: `memory`, `GenuineIntel`. */
  readonly hardware?: string;
  /** It explains the failure and blames nobody. */
  readonly remark?: true;
  /** A user-mode program that did it on purpose or by dying: `svchost.exe`. */
  readonly process?: string;
}

/** What the bucket's string is made of besides the blamed function (formats/analyze.md §4). */
export interface BucketParts {
  /** Replaces BUGCHECK_STR: `AV`, `0x9F_3`, `0x139_3_CORRUPT_LIST_ENTRY`. */
  readonly class?: string;
  /** Stands between class and blame: a process, a power driver, a pool tag. */
  readonly qualifier?: string;
  /** Replaces the blamed function: `IMAGE_nvlddmkm.sys`. */
  readonly blame?: string;
  /** The whole bucket where nobody's code is to blame: `MEMORY_CORRUPTION_ONE_BIT`. */
  readonly whole?: string;
}

/** Facts of one bug check. */
export interface StopFacts {
  /** Registers where the failure happened: only those that their record truly holds. */
  readonly faultingContext?: CpuContext;
  readonly faultSource?: FaultSource;
  readonly trapFrame?: VirtualAddress;
  readonly contextRecord?: VirtualAddress;
  readonly exceptionRecord?: FoundException;
  readonly accessedAddress?: VirtualAddress;
  readonly access?: Access;
  readonly irql?: number;
  /** Best first. */
  readonly blame: readonly StopBlame[];
  /** Fields of WinDbg's analysis that follow from it. */
  readonly analysis: Readonly<Record<string, string>>;
  readonly bucketParts: BucketParts;
}

/** Kind of a memory access. */
export type Access = "read" | "write" | "execute";

/** How the faulting context is looked for when no argument leads to it. */
export type FaultSearch =
  /** The record on the stack whose instruction is the one in the arguments. */
  | "argument-ip"
  /** The newest trap from kernel code: what was interrupted. */
  | "newest-trap"
  | "none";

/** A decoder of one stop code or of a close family. */
export interface StopDecoder {
  /** Stop codes without the bit that says "rewritten for a minidump". */
  readonly codes: readonly number[];
  /** Absent: `argument-ip` where the table says that an argument is the instruction, else `none`. */
  readonly fault?: FaultSearch;
  /** Runs after the arguments were followed as the table's hints say. */
  readonly decode?: (scene: StopScene) => void;
  /** Runs last, with the faulting context at hand. */
  readonly conclude?: (scene: StopScene) => void;
}
