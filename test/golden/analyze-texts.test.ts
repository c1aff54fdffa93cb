import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { failureIdHash } from "../../shared/report/failure-id.ts";
import { ALL_WORDS, loadWords, type Words } from "../../shared/triage/words/words.ts";
import { corpusFiles, corpusPath, describeCorpus } from "../support/corpus.ts";
import { DIFFERENCES } from "./analyze-texts/differences.ts";
import { ourFields } from "./analyze-texts/dump-of-text.ts";
import { type PrintedAnalysis, parseAnalysis } from "./analyze-texts/parse-text.ts";

/** Logs of other machines; two files that are halves of one page are one log. */
const CASES: Readonly<Record<string, readonly string[]>> = {
  "01_0x3b": ["analyze-texts/01_0x3b_varelaia.txt"],
  "31_0xc4 and 32": ["analyze-texts/31_0xc4_MicrosoftDocs.txt", "analyze-texts/32_user_MicrosoftDocs.txt"],
  "33_0xc4": ["analyze-texts/33_0xc4_MicrosoftDocs.txt"],
  "34_0xc4": ["analyze-texts/34_user_MicrosoftDocs.txt"],
  "083125-14875-01": ["kernel/083125-14875-01.dmp.expected.windbg.analyze_v.txt"],
  "052126-34312-01": ["analyze-texts/glslang_crash-dump-walkthrough_0x9f.md"],
};

/** Fields that follow from what a log tells; others need the dump itself. */
const COMPARED =
  "BUGCHECK_CODE BUGCHECK_P1 BUGCHECK_P2 BUGCHECK_P3 BUGCHECK_P4 BUGCHECK_STR DEFAULT_BUCKET_ID CONTEXT PROCESS_NAME CURRENT_IRQL DRVPOWERSTATE_SUBCODE " +
  "LAST_CONTROL_TRANSFER SYMBOL_STACK_INDEX FOLLOWUP_NAME SYMBOL_NAME MODULE_NAME IMAGE_NAME STACK_COMMAND BUCKET_ID_FUNC_OFFSET FAILURE_BUCKET_ID " +
  "BUCKET_ID PRIMARY_PROBLEM_CLASS OS_VERSION OSPLATFORM_TYPE OSNAME FAILURE_ID_HASH";

const md5 = (bytes: Uint8Array): Uint8Array => createHash("md5").update(bytes).digest();

function log(name: string): PrintedAnalysis {
  return parseAnalysis((CASES[name] ?? []).map((path) => readFileSync(corpusPath(path), "utf8")).join("\n"));
}

describeCorpus("printed analyses of other machines", () => {
  let words: Words;
  beforeAll(async () => {
    words = await loadWords(ALL_WORDS);
  });

  it("are all here", () => {
    const read = new Set(Object.values(CASES).flat());
    expect(corpusFiles("analyze-texts", ".txt", ".md").filter((file) => !read.has(file))).toEqual([]);
  });

  it.each(Object.keys(CASES))("%s: our rules give the fields that it prints", (name) => {
    const text = log(name);
    const ours = ourFields(text, words);
    const different = COMPARED.split(" ").filter((field) => {
      const theirs = text.fields.get(field);
      return theirs !== undefined && theirs !== ours[field];
    });
    expect(different.sort()).toEqual((DIFFERENCES[name] ?? []).map(({ field }) => field).sort());
  });

  it("prints a table of both sides' buckets", () => {
    const rows = Object.keys(CASES).map((name) => {
      const text = log(name);
      const theirs = text.fields.get("FAILURE_BUCKET_ID");
      return { name, theirs, ours: ourFields(text, words)["FAILURE_BUCKET_ID"] };
    });
    expect(rows).toEqual([
      {
        name: "01_0x3b",
        theirs: "AV_dxgkrnl!DXGVIRTUALMACHINE::IsWsl2Guest",
        ours: "AV_dxgkrnl!DXGVIRTUALMACHINE::IsWsl2Guest",
      },
      {
        name: "31_0xc4 and 32",
        theirs: "0xc4_IrqlExApcLte1_XDV_VRF_MyDriver!OnInterrupt",
        ours: "0xc4_IrqlExApcLte1_XDV_VRF_MyDriver!OnInterrupt",
      },
      { name: "33_0xc4", theirs: "Xxxx", ours: "0xc4_NdisOidComplete_XDV_VRF" },
      { name: "34_0xc4", theirs: undefined, ours: "0xc4_NdisTimedOidComplete_XDV_VRF_nt!IopProcessWorkItem" },
      {
        name: "083125-14875-01",
        theirs: "RAISED_IRQL_FAULT_notmyfault64.e_nt!KiSystemServiceExitPico",
        ours: "RAISED_IRQL_FAULT_notmyfault64.e_nt!KiSystemServiceExitPico",
      },
      { name: "052126-34312-01", theirs: "0x9F_3", ours: "0x9F_3" },
    ]);
  });

  it("hashes each printed bucket to the printed FAILURE_ID_HASH", () => {
    const hashed = Object.keys(CASES).flatMap((name) => {
      const { fields } = log(name);
      const [bucket, hash] = [fields.get("FAILURE_BUCKET_ID"), fields.get("FAILURE_ID_HASH")];
      if (bucket === undefined || hash === undefined) return [];
      expect({ name, hash: failureIdHash("km", bucket, md5) }).toEqual({ name, hash });
      return [name];
    });
    expect(hashed).toEqual(["01_0x3b", "083125-14875-01"]);
  });
});
