import { hexAddress, type VirtualAddress } from "../dump/address.ts";
import type { Dump, DumpModule, DumpUnloadedModule } from "../dump/dump.ts";
import { kernelBucketStrings } from "./kernel-bucket.ts";
import { INBOX_KERNEL_MODULES, isSystemLibrary } from "./lists/inbox-modules.ts";
import { baseName, moduleAt, moduleLabel, unloadedModuleAt } from "./module-at.ts";
import { userFailureClass } from "./user-failure-class.ts";
import type { Confidence, Reason, Verdict } from "./verdict.ts";
import type { Words } from "./words/words.ts";

/**
 * The verdict that needs no stack: from the kernel's own word, the stop code's arguments and the faulting
 * address (formats/analyze.md §6, rules 1, 4, 5 and 6).
 */

/** An address that may lie in the culprit, and what it counts for. */
interface Candidate {
  readonly rule: string;
  readonly address: VirtualAddress;
  readonly what: string;
  readonly confidence: Confidence;
}

/** An image behind a candidate. */
interface Suspect extends Candidate {
  readonly module?: DumpModule;
  readonly unloaded?: DumpUnloadedModule;
}

const STATUS_BREAKPOINT = 0x80000003;

/**
 * @param crashType `crash_info.type` of the report: names the failure of a user dump
 */
export function firstVerdict(dump: Dump, words: Words, crashType: string | undefined): Verdict {
  const reasons: Reason[] = [];
  const suspects: Suspect[] = [];
  for (const candidate of candidatesOf(dump, words)) {
    const module = moduleAt(dump, candidate.address);
    const unloaded = module ? undefined : unloadedModuleAt(dump, candidate.address);
    const where = module
      ? `in ${moduleLabel(dump, module)}`
      : unloaded
        ? `in unloaded ${baseName(unloaded.path)}`
        : "in no module";
    reasons.push({
      rule: candidate.rule,
      seen: `${candidate.what} ${hexAddress(candidate.address, dump.pointerSize)} ${where}`,
    });
    if (module) suspects.push({ ...candidate, module });
    else if (unloaded) suspects.push({ ...candidate, unloaded });
  }
  const blamed = suspects.find((suspect) => !isPlumbing(dump, suspect)) ?? suspects[0];
  if (blamed && isPlumbing(dump, blamed)) {
    reasons.push({ rule: "inbox-module", seen: "only images of the operating system: the stack may tell more" });
  }
  return verdictOf(dump, crashType, blamed, reasons);
}

function candidatesOf(dump: Dump, words: Words): Candidate[] {
  const out: Candidate[] = [];
  const add = (rule: string, address: bigint | undefined, what: string, confidence: Confidence): void => {
    if (address !== undefined && address !== 0n) {
      out.push({ rule, address: address as VirtualAddress, what, confidence });
    }
  };
  const { bugcheck, exception, kernel } = dump;
  add("broken-driver", kernel?.brokenDriver, "the kernel recorded the driver at", "high");
  if (bugcheck) {
    for (const hint of words.contextHint(bugcheck.code)) {
      if (hint.whenFirst !== undefined && hint.whenFirst !== bugcheck.parameters[0]) continue;
      const argument = bugcheck.parameters[hint.argument - 1];
      if (hint.key === "BLAME") add("argument-blame", argument, `argument ${hint.argument} names an address`, "high");
      if (hint.key === "IP")
        add("argument-ip", argument, `argument ${hint.argument} is the faulting instruction`, "medium");
    }
  }
  if (exception && !(bugcheck && exception.code === STATUS_BREAKPOINT)) {
    // Breakpad writes the address of the access where Windows writes that of the instruction.
    if (exception.context) add("exception-context", exception.context.pc, "the exception was raised at", "medium");
    else if (dump.system.os === "Windows NT")
      add("exception-address", exception.address, "the exception was raised at", "medium");
  }
  const thread = dump.crashingThread === undefined ? undefined : dump.threads[dump.crashingThread];
  add("context-ip", thread?.context?.pc, "the thread stood at", "low");
  return out;
}

function isPlumbing(dump: Dump, suspect: Suspect): boolean {
  const path = suspect.module?.path ?? suspect.unloaded?.path ?? "";
  if (!suspect.module) return false;
  return dump.bugcheck
    ? INBOX_KERNEL_MODULES.has(moduleLabel(dump, suspect.module).toLowerCase())
    : isSystemLibrary(baseName(path));
}

function verdictOf(dump: Dump, crashType: string | undefined, blamed: Suspect | undefined, reasons: Reason[]): Verdict {
  const image = blamed?.module ?? blamed?.unloaded;
  const offset = blamed && image ? Number(blamed.address - image.base) : undefined;
  const strings = dump.bugcheck
    ? kernelBucketStrings(dump, { label: blameLabel(dump, blamed), offset })
    : userBucketStrings(dump, crashType, image ? baseName(image.path) : undefined);
  const plumbing = blamed !== undefined && isPlumbing(dump, blamed);
  return {
    ...(blamed?.module ? { module: blamed.module } : {}),
    ...(blamed?.unloaded ? { unloadedModule: blamed.unloaded } : {}),
    ...(blamed ? { address: blamed.address } : {}),
    ...(offset === undefined ? {} : { offset }),
    ...strings,
    title: [strings.bucketString, ...titleParts(dump, blamed, offset, plumbing)].join(""),
    groupingKey: groupingKey(dump, strings.bucketString, blamed, offset, plumbing),
    confidence: blamed === undefined ? "none" : plumbing ? "low" : blamed.confidence,
    reasons,
  };
}

function blameLabel(dump: Dump, blamed: Suspect | undefined): string | undefined {
  if (blamed?.module) return moduleLabel(dump, blamed.module);
  return blamed?.unloaded ? `Unloaded_${baseName(blamed.unloaded.path)}` : undefined;
}

function userBucketStrings(dump: Dump, crashType: string | undefined, image: string | undefined) {
  const failure = userFailureClass(dump, crashType);
  const code = dump.system.os === "Windows NT" && dump.exception ? `_${dump.exception.code.toString(16)}` : "";
  return {
    bucketString: `${failure}${code}_${image ?? "unknown"}!Unknown`,
    bugcheckStr: failure,
    defaultBucketId: failure,
  };
}

/** Without symbols the offset tells one bug of an image from another; the version keeps offsets comparable. */
function groupingKey(
  dump: Dump,
  bucketString: string,
  blamed: Suspect | undefined,
  offset: number | undefined,
  plumbing: boolean,
): string {
  const parts = [`${dump.bugcheck ? "km" : "um"}:${bucketString.toLowerCase()}`];
  if (offset !== undefined) {
    const identity = blamed?.module?.version ?? blamed?.module?.codeId ?? blamed?.module?.timestamp?.toString(16) ?? "";
    parts.push(`+0x${offset.toString(16)}@${identity}`);
  }
  const program = programOf(dump, blamed, plumbing);
  if (program !== undefined) parts.push(`in ${program.toLowerCase()}`);
  return parts.join(" ");
}

/** The program, where a system library or nothing at all is to blame: it keeps unrelated crashes apart. */
function programOf(dump: Dump, blamed: Suspect | undefined, plumbing: boolean): string | undefined {
  if (dump.bugcheck || (blamed && !plumbing)) return undefined;
  const path = dump.process.name ?? dump.modules[0]?.path;
  return path ? baseName(path) : undefined;
}

function titleParts(dump: Dump, blamed: Suspect | undefined, offset: number | undefined, plumbing: boolean): string[] {
  const program = programOf(dump, blamed, plumbing);
  return [
    ...(offset === undefined ? [] : [`+0x${offset.toString(16)}`]),
    ...(program === undefined ? [] : [` in ${program}`]),
  ];
}
