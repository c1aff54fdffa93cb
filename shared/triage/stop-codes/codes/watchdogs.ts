import { addOffset } from "../../../dump/address.ts";
import { readContextRecord } from "../../../dump/kernel-dump/trap-frame/context-record.ts";
import type { StopDecoder } from "../stop-facts.ts";

/** Processors that did not come back in time. */

/** 0x133: the current stack has what ran too long, below the frame of the clock interrupt. */
export const DPC_WATCHDOG: StopDecoder = {
  codes: [0x133],
  fault: "newest-trap",
  decode: (scene) => {
    // WinDbg names cumulative time ISR, whoever spent it.
    scene.bucket({ class: scene.arg(1) === 1n ? "0x133_ISR" : "0x133_DPC" });
    scene.field("DPC_WATCHDOG", scene.arg(1) === 0n ? "a single DPC or ISR" : "cumulative time at raised IRQL");
  },
};

/**
 * Where KPRCB keeps the registers of a frozen processor (ProcessorState.ContextFrame): x64 before build 15063,
 * then on, x86. Each is tried; flags and a program counter in an image tell.
 */
const PRCB_CONTEXTS = { amd64: [0x120, 0x1f0, 0x1e0], x86: [0x18, 0x1c, 0x20] } as const;

/** 0x101: argument 3 is the PRCB of the processor that hangs: its registers, not ours. */
export const CLOCK_WATCHDOG: StopDecoder = {
  codes: [0x101],
  fault: "none",
  decode: (scene) => {
    const prcb = scene.arg(3);
    const { cpu } = scene.dump;
    scene.field("FAULTING_PROCESSOR", `${scene.arg32(4)}`);
    scene.addressField("PRCB", prcb);
    const offsets = cpu === "amd64" || cpu === "x86" ? PRCB_CONTEXTS[cpu] : [];
    for (const offset of scene.isKernelAddress(prcb) ? offsets : []) {
      const at = addOffset(prcb, offset);
      const context = readContextRecord(scene.dump.memory, cpu, at);
      if (!context || !scene.isCode(context.pc)) continue;
      scene.setContext(context, "processor", at);
      scene.blameAddress("decoder", "hung-processor", context.pc, "the processor that hangs stood at", "medium");
      return;
    }
    scene.notes.add("stop.no-processor", "stop-code", "the registers of the processor that hangs are not in the dump");
  },
};

/** 0x1CA and 0x1DB: the same, seen by the hypervisor's watchdog or by an interrupt that was not answered. */
export const OTHER_WATCHDOGS: StopDecoder = {
  codes: [0x1ca, 0x1db],
  fault: "newest-trap",
};

/** 0xF2: an interrupt storm; argument 1 is the service routine. */
export const INTERRUPT_STORM: StopDecoder = {
  codes: [0xf2],
  decode: (scene) => {
    scene.blameAddress(
      "decoder",
      "interrupt-routine",
      scene.arg(1),
      "the routine of the storming interrupt is",
      "high",
    );
  },
};
