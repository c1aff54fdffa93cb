import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadDisassembler } from "../../../shared/adapters/disassembly/load-disassembler.ts";
import { nodePlatform } from "../../../shared/adapters/node/platform.ts";
import { memorySource } from "../../../shared/bytes/byte-source.ts";
import { analyzeSource, DEFAULT_LIMITS } from "../../../shared/pipeline/analyze.ts";
import { crashReportSchema } from "../../../shared/report/crash-report.ts";
import { renderText } from "../../../shared/report/text.ts";
import type { SymbolSupplier } from "../../../shared/symbols/symbol-supplier.ts";
import { seedSampleDump } from "../../support/synth/seed-sample.ts";
import { seedStore } from "../../support/synth/seed-symbols.ts";

const EXPECTED = join(__dirname, "expected.txt");
const WITHOUT_SYMBOLS = join(__dirname, "expected-without-symbols.txt");
const { UPDATE_GOLDEN } = process.env;

/** Facts of the sample in its own layout, runs of spaces collapsed as it prints them. */
const SAMPLE_LINES = [
  "Windows XP Kernel Version 2600 (Service Pack 1) UP Free x86 compatible",
  "Product: WinNt, suite: TerminalServer SingleUserTS",
  "Built by: 2600.xpsp2.030422-1633",
  "Kernel base = 0x804d4000 PsLoadedModuleList = 0x80543530",
  "Debug session time: Fri Jun 11 10:22:46 2004",
  "System Uptime: 0 days 0:00:24.187",
  "* Bugcheck Analysis *",
  "BugCheck C0000218, {e144c418, 0, 0, 0}",
  "Probably caused by : ntoskrnl.exe ( nt!ExRaiseHardError+13c )",
  "Arguments:",
  "Arg1: e144c418",
  "Arg2: 00000000",
  "Arg3: 00000000",
  "Arg4: 00000000",
  "Debugging Details:",
  "BUGCHECK_STR: 0xc0000218",
  "ERROR_CODE: (NTSTATUS) 0xc0000218 -",
  "The registry cannot load the hive (file): %hs or its log or alternate.",
  "DEFAULT_BUCKET_ID: DRIVER_FAULT",
  "LAST_CONTROL_TRANSFER: from 8062be87 to 804f4103",
  "STACK_TEXT:",
  "f96f0870 8062be87 0000004c c0000218 f96f09d4 nt!KeBugCheckEx+0x19",
  "f96f0a20 805e9f96 c0000218 00000001 00000001 nt!ExpSystemErrorHandler+0x44c",
  "f96f0bcc 805ea21c c0000218 00000001 00000001 nt!ExpRaiseHardError+0x9a",
  "f96f0c3c 805fb94c c0000218 00000001 00000001 nt!ExRaiseHardError+0x13c",
  "f96f0dac 805aa2b6 00000000 00000000 00000000 nt!CmpLoadHiveThread+0x16a",
  "f96f0ddc 805319c6 805fb7e2 00000001 00000000 nt!PspSystemThreadStartup+0x34",
  "00000000 00000000 00000000 00000000 00000000 nt!KiThreadStartup+0x16",
  "FOLLOWUP_IP: \nnt!ExRaiseHardError+13c\n805ea21c 837dfc00 cmp dword ptr [ebp-4],0",
  "SYMBOL_STACK_INDEX: 3",
  "FOLLOWUP_NAME: MachineOwner",
  "SYMBOL_NAME: nt!ExRaiseHardError+13c",
  "MODULE_NAME: nt",
  "IMAGE_NAME: ntoskrnl.exe",
  "DEBUG_FLR_IMAGE_TIMESTAMP: 3ea80977",
  "STACK_COMMAND: kb",
  "BUCKET_ID: 0xc0000218_nt!ExRaiseHardError+13c",
  "Followup: MachineOwner",
];

/** @param supplier where the kernel's symbols come from; the triage dump names none */
async function seedReport(supplier?: SymbolSupplier) {
  const options = {
    limits: DEFAULT_LIMITS,
    platform: nodePlatform,
    disassembler: loadDisassembler,
    ...(supplier ? { symbols: { supplier } } : {}),
  };
  const { report } = await analyzeSource(memorySource(seedSampleDump()), options);
  return report;
}

/** From the analysis of the stop code on; the order of the sample's fields is part of its layout. */
const FIELD_ORDER =
  "BUGCHECK_STR ERROR_CODE DEFAULT_BUCKET_ID STACK_TEXT FOLLOWUP_IP SYMBOL_STACK_INDEX FOLLOWUP_NAME SYMBOL_NAME MODULE_NAME IMAGE_NAME DEBUG_FLR_IMAGE_TIMESTAMP STACK_COMMAND BUCKET_ID";

describe("the Registry_File_Failure sample", () => {
  it.each([
    ["with the kernel's symbols", EXPECTED, seedStore()],
    ["without symbols", WITHOUT_SYMBOLS, undefined],
  ])("prints the golden text %s", async (_name, file, supplier) => {
    const text = renderText(await seedReport(supplier));
    if (UPDATE_GOLDEN) writeFileSync(file, text);
    expect(text).toBe(readFileSync(file, "utf8"));
  });

  it("has every line of the sample in the sample's layout", async () => {
    const text = renderText(await seedReport(seedStore())).replace(/[ \t]+/g, " ");
    for (const line of SAMPLE_LINES) expect(text).toContain(line);
  });

  it("has the sample's fields in the sample's order", async () => {
    const { analysis } = await seedReport(seedStore());
    const wanted = FIELD_ORDER.split(" ");
    expect(Object.keys(analysis).filter((key) => wanted.includes(key))).toEqual(wanted);
  });

  it("takes no names from an image of another build", async () => {
    const { analysis, symbols } = await seedReport(seedStore(0x3ea80978));
    expect(analysis["STACK_TEXT"]).not.toContain("!");
    expect(symbols.filter(({ status }) => status === "found")).toEqual([]);
  });

  it("is a report of our schema", async () => {
    expect(crashReportSchema.safeParse(await seedReport()).error?.issues ?? []).toEqual([]);
  });
});
