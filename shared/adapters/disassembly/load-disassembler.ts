import type { Disassembler, LoadDisassembler } from "../../triage/instruction/disassembler.ts";

/** Loaded libraries; a cold start has none, and a dump without a crash loads none. */
const loaded = new Map<string, Promise<Disassembler | undefined>>();

/** Loads the disassembler of a CPU on first use: some milliseconds each, megabytes of code. */
export const loadDisassembler: LoadDisassembler = (cpu) => {
  const known = loaded.get(cpu) ?? load(cpu);
  loaded.set(cpu, known);
  return known;
};

async function load(cpu: string): Promise<Disassembler | undefined> {
  if (cpu === "amd64" || cpu === "x86") {
    const { icedDisassembler } = await import("./iced.ts");
    return icedDisassembler(cpu === "amd64" ? 64 : 32);
  }
  if (cpu !== "arm64") return undefined;
  const { capstoneDisassembler } = await import("./capstone.ts");
  return capstoneDisassembler();
}
