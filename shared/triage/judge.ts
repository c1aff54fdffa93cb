import type { Dump } from "../dump/dump.ts";
import { candidatesOf, type VerdictInput } from "./candidates.ts";
import { defaultBucketId } from "./kernel-bucket.ts";
import { baseName } from "./module-at.ts";
import { stopBucket } from "./stop-codes/stop-bucket.ts";
import { blameLabel, isPlumbing, reasonOf, type Suspect, suspectOf } from "./suspects.ts";
import { userFailureClass } from "./user-failure-class.ts";
import type { Reason, Verdict } from "./verdict.ts";

/**
 * The verdict: the first candidate that is nobody's plumbing is blamed, else the first at all
 * (formats/analyze.md §6). Every candidate stands in the reasons with what was seen.
 */
export function judge(input: VerdictInput): Verdict {
  const { dump } = input;
  const reasons: Reason[] = [];
  const suspects: Suspect[] = [];
  const told = new Set<string>();
  for (const candidate of candidatesOf(input)) {
    const suspect = suspectOf(dump, candidate);
    const reason = reasonOf(dump, candidate, suspect);
    // Frames repeat their images: the first of each says enough.
    const image = `${candidate.rule} ${suspect?.module?.base ?? suspect?.unloaded?.base ?? "none"}`;
    const repeats = candidate.rule.startsWith("stack") && told.has(image);
    if (!repeats && !reasons.some(({ rule, seen }) => rule === reason.rule && seen === reason.seen))
      reasons.push(reason);
    told.add(image);
    if (suspect && !candidate.unblamed) suspects.push(suspect);
  }
  const blamed = suspects.find((suspect) => !isPlumbing(dump, suspect)) ?? suspects[0];
  const plumbing = blamed !== undefined && isPlumbing(dump, blamed);
  if (plumbing) reasons.push({ rule: "inbox-module", seen: "only images of the operating system were seen" });
  return verdictOf(input, blamed, plumbing, reasons);
}

function verdictOf(input: VerdictInput, blamed: Suspect | undefined, plumbing: boolean, reasons: Reason[]): Verdict {
  const { dump, stop } = input;
  const image = blamed?.module ?? blamed?.unloaded;
  const offset = image && blamed?.address !== undefined ? Number(blamed.address - image.base) : undefined;
  // Symbols of the frame that stands at the blamed address, however that address was found.
  const symbol = blamed?.symbol ?? input.frames?.find(({ address }) => address === blamed?.address)?.symbol;
  const strings = bucketStrings(input, blamed, symbol === undefined ? undefined : bucketName(symbol));
  // What the arguments say in full needs no offset: the same driver, the same stick of memory.
  const whole = stop?.bucketParts.whole !== undefined || stop?.bucketParts.blame !== undefined;
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

function bucketStrings(input: VerdictInput, blamed: Suspect | undefined, symbol: string | undefined) {
  const { dump, stop, crashType } = input;
  const label = blamed && blameLabel(dump, blamed);
  if (dump.bugcheck) {
    const place = label === undefined ? undefined : `${label}!${symbol ?? "unknown_function"}`;
    return {
      ...stopBucket(dump, stop?.bucketParts ?? {}, place),
      defaultBucketId: defaultBucketId(dump.system.osBuild),
    };
  }
  const failure = userFailureClass(dump, crashType);
  const code = dump.system.os === "Windows NT" && dump.exception ? `_${dump.exception.code.toString(16)}` : "";
  return {
    bucketString: `${failure}${code}_${label ?? "unknown"}!${symbol ?? "Unknown"}`,
    bugcheckStr: failure,
    defaultBucketId: failure,
  };
}

/**
 * A function's name as bucket strings have it: without its parameters, template brackets and commas as `_`,
 * no spaces (formats/analyze.md §4).
 */
function bucketName(symbol: string): string {
  let depth = 0;
  let end = symbol.length;
  // From the end, so that `(anonymous namespace)::f(int)` and `operator()(int)` keep their first parentheses.
  const close = symbol.lastIndexOf(")");
  for (let at = close; at > 0; at--) {
    if (symbol[at] === ")") depth += 1;
    if (symbol[at] === "(") depth -= 1;
    if (depth === 0) {
      end = at;
      break;
    }
  }
  const name = close > 0 && end > 0 ? symbol.slice(0, end) : symbol;
  return (name.trim() || symbol).replace(/[<>,]/g, "_").replace(/\s+/g, "");
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
