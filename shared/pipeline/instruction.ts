import type { FetchedBytes } from "../bytes/block-cache.ts";
import { dataView } from "../bytes/layout.ts";
import type { StepRunner } from "../bytes/step-runner.ts";
import { type CpuArch, truncateToPointer, type VirtualAddress } from "../dump/address.ts";
import type { CpuContext } from "../dump/cpu-context.ts";
import type { Dump, DumpModule } from "../dump/dump.ts";
import { readMemoryRegions } from "../dump/minidump/memory-regions.ts";
import { attemptStep, type Notes } from "../notes.ts";
import { hintedArgument } from "../report/exception-fields.ts";
import { ModuleMap } from "../stackwalk/module-map.ts";
import type { SourcePlace } from "../stackwalk/symbol-provider.ts";
import { isWow64 } from "../stackwalk/wow64.ts";
import { plainFunction } from "../triage/function-name.ts";
import { AddressMap } from "../triage/instruction/address-map.ts";
import { type Disassembler, type LoadDisassembler, MAX_INSTRUCTION_BYTES } from "../triage/instruction/disassembler.ts";
import { explainFault } from "../triage/instruction/explain-fault.ts";
import type { CodeAt, InstructionFacts, ListedCode } from "../triage/instruction/instruction-facts.ts";
import { isMisalignedIp, LOOK_BACK, type Surroundings } from "../triage/instruction/misaligned-ip.ts";
import { pointerTarget } from "../triage/instruction/operands.ts";
import { reportedAccess } from "../triage/instruction/reported-access.ts";
import { baseName, moduleLabel, unloadedModuleAt } from "../triage/module-at.ts";
import type { StopFacts } from "../triage/stop-codes/stop-facts.ts";
import type { Words } from "../triage/words/words.ts";
import type { Stacks } from "./stacks.ts";

/** What the use case works on. */
export interface InstructionScene {
  readonly dump: Dump;
  readonly runner: StepRunner;
  readonly notes: Notes;
  readonly words: Words;
  /** Walked stacks: only images that are on them are asked for names of places, the others' symbols were never read. */
  readonly stacks: Pick<Stacks, "threads" | "provider">;
  readonly stop: StopFacts | undefined;
  /** Absent: nothing is decoded, and no code read for it. */
  readonly load: LoadDisassembler | undefined;
}

/**
 * The instruction that failed, explained. Asks for memory in one round where it can: the code at the fault,
 * then what its operands point to.
 * @returns undefined for dumps without a crash; no disassembler is loaded for them
 */
export async function analyzeInstruction(scene: InstructionScene): Promise<InstructionFacts | undefined> {
  const { dump, runner, notes, stop } = scene;
  const context = faultContext(dump, stop);
  const pc = context?.pc ?? hintedArgument(dump, scene.words, "IP");
  if (!scene.load || pc === undefined || (pc === 0n && !context)) return undefined;
  const modules = new ModuleMap(dump.modules, dump.memory, scene.stacks.provider);
  const address = truncateToPointer(pc, dump.pointerSize);
  const around = await attemptStep(runner, notes, WHERE, () => readAround(dump, modules, address));
  const disassembler = around?.code.length ? await scene.load(around.cpu) : undefined;
  return attemptStep(runner, notes, WHERE, (fetched) => {
    const code = decode(address, around?.code ?? NO_BYTES, disassembler);
    const map = new AddressMap(dump, regionsOf(dump, stop, fetched, notes));
    const facts = explainFault({ dump, code, map, ...(context ? { context } : {}), ...(stop ? { stop } : {}) });
    const pointer = facts.operands.map((operand) => pointerTarget(dump, code, operand));
    const shown = [
      address,
      ...addressesOf(code),
      ...facts.operands.map((operand) => operand.address),
      ...pointer,
      facts.target,
      facts.fault?.address,
    ];
    const misaligned =
      context && around && disassembler && isMisalignedIp(around.cpu, disassembler, address, around) === true;
    const source = sourceOf(scene, modules, address);
    const names = { places: placesOf(scene, modules, shown), ...(source ? { source } : {}) };
    return { ...facts, misaligned: misaligned === true, ...names };
  });
}

/**
 * The code at an address as listings show it, without registers.
 * @param known code that was read already: often it is the same
 */
export async function listCode(
  scene: InstructionScene,
  address: VirtualAddress,
  known: ListedCode | undefined,
): Promise<ListedCode | undefined> {
  const { dump, runner, notes } = scene;
  if (known?.address === address) return known;
  if (!scene.load) return undefined;
  const modules = new ModuleMap(dump.modules, dump.memory, scene.stacks.provider);
  const found = await attemptStep(runner, notes, WHERE, () => ({
    bytes: readCode(dump, modules, address),
    cpu: cpuAt(dump, modules, address),
  }));
  const disassembler = found?.bytes.length ? await scene.load(found.cpu) : undefined;
  return attemptStep(runner, notes, WHERE, () => {
    const code = decode(address, found?.bytes ?? NO_BYTES, disassembler);
    const source = sourceOf(scene, modules, address);
    return { ...code, places: placesOf(scene, modules, addressesOf(code)), ...(source ? { source } : {}) };
  });
}

const WHERE = "instruction";
const NO_BYTES = new Uint8Array(0);
const PAGE = 0x1000n;
const IMAGE_FILE_MACHINE_I386 = 0x14c;

/** The registers of the fault: of a kernel dump only those that a record holds, its header has those of the bug check. */
function faultContext(dump: Dump, stop: StopFacts | undefined): CpuContext | undefined {
  return dump.bugcheck ? stop?.faultingContext : dump.exception?.context;
}

/** 32-bit code of a 64-bit dump (WOW64) is told by its image. */
function cpuAt(dump: Dump, modules: ModuleMap, address: VirtualAddress): CpuArch {
  const narrow = isWow64(dump) && modules.find(address)?.headers?.machine === IMAGE_FILE_MACHINE_I386;
  return narrow ? "x86" : dump.cpu;
}

/** Code from the dump's memory, from the image where that has a hole; up to the longest instruction. */
function readCode(dump: Dump, modules: ModuleMap, address: VirtualAddress): Uint8Array {
  const module = modules.find(address);
  if (!module) return dump.memory.read(address, MAX_INSTRUCTION_BYTES).bytes;
  return module.image.read(Number(address - module.base), MAX_INSTRUCTION_BYTES);
}

/** The same with the code before it on its page, and how far its function's start is away where unwind data say so. */
function readAround(dump: Dump, modules: ModuleMap, address: VirtualAddress): Surroundings & { readonly cpu: CpuArch } {
  const code = readCode(dump, modules, address);
  const cpu = cpuAt(dump, modules, address);
  const length = Math.min(LOOK_BACK, Number(address % PAGE));
  const module = modules.find(address);
  if (!module || code.length === 0 || length === 0) return { before: NO_BYTES, code, cpu };
  const rva = Number(address - module.base);
  const before = module.image.read(rva - length, length);
  if (before.length < length) return { before: NO_BYTES, code, cpu };
  // The walk has asked for it: it is the function of frame 0.
  const entry = cpu === "amd64" && dump.system.os === "Windows NT" ? module.runtimeFunction(rva) : undefined;
  const sinceStart = typeof entry === "object" ? { sinceStart: rva - entry.begin } : {};
  return { before, code, cpu, ...sinceStart };
}

function decode(address: VirtualAddress, bytes: Uint8Array, disassembler: Disassembler | undefined): CodeAt {
  if (bytes.length === 0) return { address, bytes, missing: "no-code" };
  if (!disassembler) return { address, bytes, missing: "no-disassembler" };
  const head = bytes.length >= 4 ? { dword: dataView(bytes).getUint32(0, true) } : {};
  const instruction = disassembler.decode(bytes, address);
  if (typeof instruction === "string") return { address, bytes, ...head, missing: instruction };
  return { address, bytes: bytes.slice(0, instruction.length), ...head, instruction };
}

/** Only a failed access needs the layout of the address space. */
function regionsOf(dump: Dump, stop: StopFacts | undefined, bytes: FetchedBytes, notes: Notes) {
  return dump.format === "MDMP" && reportedAccess(dump, stop) ? readMemoryRegions(bytes, dump.sections, notes) : [];
}

function addressesOf({ instruction }: CodeAt): bigint[] {
  return (instruction?.parts ?? []).flatMap((part) => (typeof part === "string" ? [] : [part.address]));
}

/** The line of an address: of a return address that of its call. */
function sourceOf(
  { stacks: { provider, threads } }: InstructionScene,
  modules: ModuleMap,
  address: VirtualAddress,
): SourcePlace | undefined {
  const module = modules.find(address)?.module;
  const frame = [...threads.values()].flat().find((named) => named.frame.ip === address)?.frame;
  // Images that are on no stack were never asked for symbols.
  if (!module || !frame || frame.lookupRva === undefined) return undefined;
  const hit = provider.forModule(module)?.lookup(frame.lookupRva);
  const { file, line } = hit?.inlines.at(-1) ?? hit ?? {};
  return file === undefined || line === undefined ? undefined : { file, line };
}

/** `module!function+0x12`, `module+0x1234`; nothing for addresses outside of every image. */
function placesOf(
  { dump, stacks: { provider, threads } }: InstructionScene,
  modules: ModuleMap,
  addresses: readonly (bigint | undefined)[],
): Map<bigint, string> {
  const known = new Set<DumpModule>();
  for (const frames of threads.values()) for (const { frame } of frames) if (frame.module) known.add(frame.module);
  const places = new Map<bigint, string>();
  for (const address of addresses) {
    if (address === undefined) continue;
    const found = modules.find(address);
    if (!found) {
      const gone = unloadedModuleAt(dump, address as VirtualAddress);
      if (gone) places.set(address, `<Unloaded_${baseName(gone.path)}>+0x${(address - gone.base).toString(16)}`);
      continue;
    }
    const label = moduleLabel(dump, found.module);
    const rva = Number(address - found.base);
    const hit = known.has(found.module) ? provider.forModule(found.module)?.lookup(rva) : undefined;
    const offset = hit ? rva - hit.rva : rva;
    const name = hit ? `${label}!${plainFunction(hit.name)}` : label;
    places.set(address, offset === 0 && hit ? name : `${name}+0x${offset.toString(16)}`);
  }
  return places;
}
