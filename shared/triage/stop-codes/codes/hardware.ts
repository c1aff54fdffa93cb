import { machineCheckFlags, machineCheckKind, readWheaRecord, wheaRanges } from "../objects/whea-record.ts";
import type { StopDecoder } from "../stop-facts.ts";
import type { StopScene } from "../stop-scene.ts";

/** The hardware reports its own failure. */

const SOURCES: Readonly<Record<number, string>> = {
  0: "machine check",
  1: "corrected machine check",
  2: "corrected platform error",
  3: "non-maskable interrupt",
  4: "PCI Express error",
  5: "generic hardware error",
  6: "initialization error",
  7: "boot error",
  16: "device driver",
};

/** 0x124: WHEA_ERROR_RECORD in argument 2; of machine checks MCi_STATUS stands in arguments 3 and 4. */
export const WHEA_ERROR: StopDecoder = {
  codes: [0x124],
  fault: "newest-trap",
  decode: (scene) => {
    const source = scene.arg32(1);
    const kindOfSource = SOURCES[source] ?? `source ${source}`;
    scene.dump.memory.plan(wheaRanges(scene.arg(2)));
    const record = readWheaRecord(scene, scene.arg(2));
    if (!record) scene.notes.add("stop.no-whea-record", "stop-code", "the WHEA record is not in the dump or damaged");
    const status = source === 0 ? statusOfArguments(scene) : record?.status;
    const vendor = record?.vendor ?? scene.dump.processor?.vendor;
    scene.addressField("WHEA_ERROR_RECORD", scene.arg(2));
    scene.field("WHEA_ERROR_SOURCE", kindOfSource);
    scene.field("WHEA_SEVERITY", record?.severity);
    scene.field("WHEA_SECTIONS", record?.sections.join(", "));
    if (record?.processor !== undefined) scene.field("WHEA_PROCESSOR", `${record.processor}`);
    if (record?.bank !== undefined) scene.field("MCA_BANK", `${record.bank}`);
    if (status) {
      scene.field("MCI_STATUS", status.toString(16).padStart(16, "0"));
      scene.field("MCI_STATUS_FLAGS", machineCheckFlags(status));
      scene.field("MCA_ERROR_CODE", (status & 0xffffn).toString(16).padStart(4, "0"));
    }
    const part = partOf(record?.sections ?? [], source);
    const kind = part === "processor" ? machineCheckKind(status ?? 0n) : part.toUpperCase();
    const hardware = part === "processor" ? (vendor ?? "processor") : part;
    const seen = `the hardware reported a ${kindOfSource} (${record?.severity ?? "record not in the dump"})`;
    scene.blame("decoder", { rule: "whea", seen, confidence: "high", hardware });
    scene.bucket({
      class: `0x124_${source.toString(16)}`,
      qualifier: `${hardware}_${kind}`,
      blame: `IMAGE_${part === "processor" ? (vendor ?? "hardware") : part}.sys`,
    });
  },
};

function statusOfArguments(scene: StopScene): bigint {
  return (BigInt(scene.arg32(3)) << 32n) | BigInt(scene.arg32(4));
}

function partOf(sections: readonly string[], source: number): string {
  if (sections.includes("memory")) return "memory";
  if (sections.includes("PCI Express") || source === 4) return "pcie";
  return source <= 1 || sections.some((name) => name.includes("processor")) ? "processor" : "hardware";
}

/** 0x9C: the machine check of systems before WHEA. */
export const MACHINE_CHECK: StopDecoder = {
  codes: [0x9c],
  decode: (scene) => {
    const hardware = scene.dump.processor?.vendor ?? "processor";
    const status = (BigInt(scene.arg32(3)) << 32n) | BigInt(scene.arg32(4));
    if (status !== 0n) scene.field("MCI_STATUS", status.toString(16).padStart(16, "0"));
    const seen = "the processor reported a machine check";
    scene.blame("decoder", { rule: "machine-check", seen, confidence: "high", hardware });
    scene.bucket({ class: "0x9C", qualifier: `${hardware}_${machineCheckKind(status)}` });
  },
};
