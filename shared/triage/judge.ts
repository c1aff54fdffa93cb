import type { Dump } from "../dump/dump.ts";
import { candidatesOf, MISALIGNED, type VerdictInput, verdictRule } from "./candidates.ts";
import { bucketFunction } from "./function-name.ts";
import { defaultBucketId } from "./kernel-bucket.ts";
import { baseName, moduleAt } from "./module-at.ts";
import type { Ownership } from "./owners.ts";
import { stopBucket } from "./stop-codes/stop-bucket.ts";
import { blameLabel, isPlumbing, reasonOf, type Suspect, suspectOf } from "./suspects.ts";
import { userBucket, userFailureClass } from "./user-failure-class.ts";
import type { Reason, Verdict } from "./verdict.ts";

/** Whom to blame first: `ignore` only where nothing else was seen. */
const READINESS: readonly Ownership[] = ["definite", "maybe", "last", "ignore"];

/** Sources whose frames repeat their images. */
const STACK_SOURCES: ReadonlySet<string> = new Set(["stack", "guess"]);

/**
 * The verdict: the first candidate of the readiest owner (lists/blame-order.txt, lists/*-owners.txt). Every
 * candidate stands in the reasons with what was seen and the entry that it met.
 */
export function judge(input: VerdictInput): Verdict {
  const { dump } = input;
  const reasons: Reason[] = [];
  const suspects: Suspect[] = [];
  const told = new Set<string>();
  for (const candidate of candidatesOf(input)) {
    const suspect = suspectOf(dump, candidate);
    const reason = reasonOf(dump, candidate, suspect);
    // Frames repeat their images: the first of each says enough, and the first that each entry steps over.
    const image = suspect?.module?.base ?? suspect?.unloaded?.base ?? "none";
    const kind = `${candidate.rule} ${image} ${suspect?.owner.entry ?? ""}`;
    const repeats = STACK_SOURCES.has(candidate.source) && told.has(kind);
    if (!repeats && !reasons.some(({ rule, seen }) => rule === reason.rule && seen === reason.seen))
      reasons.push(reason);
    told.add(kind);
    if (suspect && !candidate.unblamed) suspects.push(suspect);
  }
  const rule = verdictRule(input);
  if (rule) reasons.push({ rule: "stop-blame", seen: rule.entry });
  const blamed = READINESS.map((wanted) => suspects.find(({ owner }) => owner.ownership === wanted)).find(
    (suspect) => suspect !== undefined,
  );
  const plumbing = blamed !== undefined && isPlumbing(blamed);
  if (plumbing) reasons.push({ rule: "inbox-module", seen: "only images of the operating system were seen" });
  return verdictOf(input, blamed, plumbing, reasons);
}

function verdictOf(input: VerdictInput, blamed: Suspect | undefined, plumbing: boolean, reasons: Reason[]): Verdict {
  const { dump, stop } = input;
  const image = blamed?.module ?? blamed?.unloaded;
  const offset = image && blamed?.address !== undefined ? Number(blamed.address - image.base) : undefined;
  const { symbolOffset } = blamed ?? {};
  const symbol = bucketSymbol(blamed);
  const strings = bucketStrings(input, blamed, plumbing);
  // What the arguments say in full needs no offset: the same driver, the same stick of memory.
  const { bucketParts } = stop ?? {};
  const whole = bucketParts?.whole !== undefined || bucketParts?.blame !== undefined || blamed?.rule === MISALIGNED;
  const place = whole || symbol !== undefined ? undefined : offset;
  const program = programOf(dump, blamed, plumbing);
  const name = blamed?.image ?? blamed?.other;
  return {
    ...(blamed?.module ? { module: blamed.module } : {}),
    ...(blamed?.unloaded ? { unloadedModule: blamed.unloaded } : {}),
    ...(image === undefined && name !== undefined ? { imageName: name } : {}),
    ...(blamed?.address === undefined ? {} : { address: blamed.address }),
    ...(offset === undefined ? {} : { offset }),
    ...(symbol === undefined ? {} : { symbol }),
    ...(symbol === undefined || symbolOffset === undefined ? {} : { symbolOffset }),
    ...strings,
    title: [
      strings.bucketString,
      ...(place === undefined ? [] : [`+0x${place.toString(16)}`]),
      ...(program === undefined ? [] : [` in ${program}`]),
    ].join(""),
    groupingKey: [
      `${dump.bugcheck ? "km" : "um"}:${strings.bucketString.toLowerCase()}`,
      // Without symbols the offset tells one bug from another; the version keeps offsets comparable.
      ...(place === undefined ? [] : [`+0x${place.toString(16)}@${versionOf(blamed)}`]),
      ...(program === undefined ? [] : [`in ${program.toLowerCase()}`]),
    ].join(" "),
    confidence: blamed === undefined ? "none" : plumbing ? "low" : blamed.confidence,
    reasons,
  };
}

/** The bucket of code that stands askew: the image that it lies in; undefined outside of all images. */
function misalignedBucket({ dump, stop, frames }: VerdictInput): string | undefined {
  const address = stop?.faultingContext?.pc ?? frames?.[0]?.address;
  const module = address === undefined ? undefined : moduleAt(dump, address);
  return module && `IP_MISALIGNED_${baseName(module.path)}`;
}

/** The function that stands in buckets: an export before the address may be another function's name. */
function bucketSymbol(blamed: Suspect | undefined): string | undefined {
  return blamed?.exported ? undefined : blamed?.symbol;
}

function bucketStrings(input: VerdictInput, blamed: Suspect | undefined, plumbing: boolean) {
  const { dump, stop, crashType, stackExhausted = false } = input;
  const label = blamed && blameLabel(dump, blamed);
  const symbol = bucketSymbol(blamed);
  const name = symbol === undefined ? undefined : bucketFunction(symbol);
  if (dump.bugcheck) {
    const crooked = blamed?.rule === MISALIGNED ? misalignedBucket(input) : undefined;
    if (crooked !== undefined)
      return {
        ...stopBucket(dump, { ...stop?.bucketParts, whole: crooked }, undefined),
        defaultBucketId: "IP_MISALIGNED",
      };
    const place = label === undefined ? undefined : `${label}!${name ?? "unknown_function"}`;
    return {
      ...stopBucket(dump, stop?.bucketParts ?? {}, place),
      defaultBucketId: defaultBucketId(dump, stop),
    };
  }
  const failure = userFailureClass(dump, crashType, stackExhausted);
  const place = `${label ?? "unknown"}!${name ?? "Unknown"}`;
  return {
    bucketString: userBucket(dump, failure, place, plumbing || blamed === undefined),
    bugcheckStr: failure,
    defaultBucketId: failure,
  };
}

function versionOf(blamed: Suspect | undefined): string {
  const module = blamed?.module;
  return module?.version ?? module?.codeId ?? module?.timestamp?.toString(16) ?? "";
}

/** The program, where a system library or nothing at all is to blame: it keeps unrelated crashes apart. */
function programOf(dump: Dump, blamed: Suspect | undefined, plumbing: boolean): string | undefined {
  if (dump.bugcheck || (blamed && !plumbing)) return undefined;
  const path = dump.process.name ?? dump.modules[0]?.path;
  return path ? baseName(path) : undefined;
}
