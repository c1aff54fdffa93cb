import { addOffset, type VirtualAddress } from "../../dump/address.ts";
import type { CpuContext } from "../../dump/cpu-context.ts";
import {
  contextRecordSize,
  findContextRecords,
  readContextRecord,
} from "../../dump/kernel-dump/trap-frame/context-record.ts";
import {
  exceptionRecordSize,
  findExceptionRecords,
  readExceptionRecord,
} from "../../dump/kernel-dump/trap-frame/exception-record.ts";
import { findTrapFrames, type StackBytes } from "../../dump/kernel-dump/trap-frame/find-trap-frames.ts";
import {
  EXCEPTION_RECORD_BELOW,
  trapFrameBelow,
  trapFrameRanges,
} from "../../dump/kernel-dump/trap-frame/trap-frame.ts";
import type { ContextHint, HintKey } from "../words/context-hint.ts";
import type { Access, FaultSearch } from "./stop-facts.ts";
import type { StopScene } from "./stop-scene.ts";

/** The sound default: what the table says of each argument, followed into memory. */

/** Most bytes of a stack that are searched: kernel stacks have 24 KiB, those of 32-bit systems 12. */
const MAX_STACK_BYTES = 0x6000;
/** A system object and the records behind it: a device object, an IRP with its stack locations. */
const OBJECT_BYTES = 0x150;

/** The hints of this stop that hold for its first argument. */
export function hintsOf(scene: StopScene): ContextHint[] {
  const { bugcheck } = scene.dump;
  if (!bugcheck) return [];
  const first = bugcheck.parameters[0];
  return scene.words.contextHint(bugcheck.code).filter(({ whenFirst }) => (whenFirst ?? first) === first);
}

/** How the fault is looked for, where the decoder does not say. */
export function searchByHints(hints: readonly ContextHint[]): FaultSearch {
  return hints.some(({ key }) => key === "IP" || key === "STACKSCAN") ? "argument-ip" : "none";
}

/** Says which memory the hints and the search will need, so that it comes in one round. */
export function planHints(scene: StopScene, hints: readonly ContextHint[], search: FaultSearch): void {
  const { cpu } = scene.dump;
  const wanted = hints.flatMap(({ key, argument }) => {
    const address = scene.arg(argument);
    if (!scene.isKernelAddress(address)) return [];
    if (key === "TRAP") return trapFrameRanges(cpu, address);
    const length = bytesOf(scene, key);
    return length === undefined ? [] : [{ address, length }];
  });
  const [stack] = search === "none" ? [] : stackRanges(scene, faultingIp(scene, hints));
  scene.dump.memory.plan(stack ? [...wanted, stack] : wanted);
}

function bytesOf(scene: StopScene, key: HintKey): number | undefined {
  if (key === "EXR") return exceptionRecordSize(scene.pointerSize);
  if (key === "CXR") return contextRecordSize(scene.dump.cpu);
  if (key === "IRP" || key === "DEVOBJ") return OBJECT_BYTES;
  return undefined;
}

/** Follows each hint. */
export function followHints(scene: StopScene, hints: readonly ContextHint[]): void {
  for (const hint of hints) FOLLOW[hint.key]?.(scene, scene.arg(hint.argument), hint);
}

type Follow = (scene: StopScene, value: VirtualAddress, hint: ContextHint) => void;

const FOLLOW: Partial<Record<HintKey, Follow>> = {
  EXR: (scene, value, { maybe }) => {
    const record = readExceptionRecord(scene.dump.memory, value, scene.pointerSize);
    if (record) scene.setException(record);
    else missing(scene, value, maybe, "EXCEPTION_RECORD");
  },
  CXR: (scene, value, { maybe }) => {
    const context = readContextRecord(scene.dump.memory, scene.dump.cpu, value);
    if (context) scene.setContext(context, "context-record", value);
    else missing(scene, value, maybe, "CONTEXT");
  },
  TRAP: (scene, value, { maybe }) => {
    const frame = scene.readTrapFrame(value);
    if (frame) scene.setTrapFrame(frame, "trap-frame");
    else missing(scene, value, maybe, "KTRAP_FRAME");
  },
  MEM: (scene, value) => scene.setAccess(value, undefined),
  OP: (scene, value) => scene.setAccess(undefined, accessOf(value)),
  IRQL: (scene, value) => scene.setIrql(value),
  IP: (scene, value, { argument }) => {
    const what = `argument ${argument} is the faulting instruction`;
    if (scene.isKernelAddress(value)) scene.blameAddress("context", "argument-ip", value, what, "medium");
  },
  BLAME: (scene, value, { argument }) => {
    scene.blameAddress("argument", "argument-blame", value, `argument ${argument} names an address`, "high");
  },
  DEVOBJ: (scene, value) => scene.addressField("DEVICE_OBJECT", value),
  IRP: (scene, value) => scene.addressField("IRP_ADDRESS", value),
  THREAD: (scene, value) => scene.addressField("FAULTING_THREAD", value),
  STATUS: (scene, value) => scene.field("ERROR_CODE", statusText(scene, Number(BigInt.asUintN(32, value)))),
  EXC: (scene, value) => {
    const code = Number(BigInt.asUintN(32, value));
    scene.field("EXCEPTION_CODE", statusText(scene, code));
    scene.field("EXCEPTION_CODE_STR", code.toString(16));
  },
};

function missing(scene: StopScene, value: VirtualAddress, maybe: boolean, what: string): void {
  if (maybe || !scene.isKernelAddress(value)) return;
  scene.notes.add("stop.no-record", "stop-code", `the ${what} of the arguments is not in the dump or damaged`);
}

/** `(NTSTATUS) 0xc0000005 - text`, as WinDbg prints codes. */
export function statusText(scene: StopScene, code: number): string {
  const text = scene.words.ntstatus(code)?.text;
  return `(NTSTATUS) 0x${code.toString(16)}${text ? ` - ${text}` : ""}`;
}

/** Operation of a page fault by the bits that most stop codes share; the decoders know the others. */
function accessOf(value: bigint): Access | undefined {
  if (value === 0n) return "read";
  if (value === 1n) return "write";
  return value === 8n || value === 0x10n ? "execute" : undefined;
}

/** The instruction that the arguments name. */
function faultingIp(scene: StopScene, hints: readonly ContextHint[]): VirtualAddress | undefined {
  const ip = hints.find(({ key }) => key === "IP");
  return ip && scene.arg(ip.argument);
}

/** A range of a stack. */
interface StackRange {
  readonly address: VirtualAddress;
  readonly length: number;
}

/**
 * The stacks that are searched, best first. What lies below the stack pointer is residue, unless the registers
 * are those of the fault itself: then what handled it lies there. The thread's own stack comes second, for
 * registers that are damaged or of another stack.
 */
function stackRanges(scene: StopScene, ip: VirtualAddress | undefined): StackRange[] {
  const { stack, context } = scene.thread ?? {};
  const sp = context?.sp;
  const own: StackRange[] = stack ? [{ address: stack.start, length: Math.min(stack.size, MAX_STACK_BYTES) }] : [];
  if (sp === undefined || !scene.isKernelAddress(sp)) return own;
  const end = stack && addOffset(stack.start, stack.size);
  const inside = stack !== undefined && end !== undefined && sp >= stack.start && sp < end;
  if (inside && context?.pc === ip) return own;
  const address = (sp & ~7n) as VirtualAddress;
  const length = Math.min(inside ? Number(end - address) : MAX_STACK_BYTES, MAX_STACK_BYTES);
  return [{ address, length }, ...(inside ? [] : own)];
}

/** Looks for the fault on the stack when no argument led to it. */
export function searchFault(scene: StopScene, hints: readonly ContextHint[], search: FaultSearch): void {
  const raised = hints.some(({ key }) => key === "EXC");
  const isDone = (): boolean =>
    scene.context !== undefined && scene.trapFrame !== undefined && (!raised || scene.exception !== undefined);
  if (search === "none" || isDone()) return;
  const ip = faultingIp(scene, hints);
  const wanted = ip ?? scene.context?.pc;
  const own = scene.thread?.context;
  const standsThere = own !== undefined && wanted !== undefined && own.pc === wanted;
  frameBelow(scene, scene.context ?? (standsThere ? own : undefined));
  if (raised) recordBelow(scene, wanted);
  if (isDone()) return;
  for (const { address, length } of stackRanges(scene, ip)) {
    const bytes = scene.readUpTo(address, length);
    if (bytes.length === 0) continue;
    searchStack(scene, { start: address, bytes }, wanted, search);
    break;
  }
  if (standsThere) scene.setContext(own, "header");
}

/** Records of the wanted instruction on one stack; else, where that is asked for, the newest trap. */
function searchStack(
  scene: StopScene,
  stack: StackBytes,
  wanted: VirtualAddress | undefined,
  search: FaultSearch,
): void {
  const isCode = (address: VirtualAddress): boolean => address === wanted || scene.isCode(address);
  searchRecords(scene, stack, wanted, isCode);
  const frames = findTrapFrames(stack, { cpu: scene.dump.cpu, build: scene.build, isCode });
  const frame =
    frames.find(({ context, fromUser }) => !fromUser && context.pc === wanted) ??
    (search === "newest-trap" ? frames.find(({ fromUser }) => !fromUser) : undefined);
  const whole = frame && (scene.readTrapFrame(frame.address) ?? frame);
  if (whole) scene.setTrapFrame(whole, "stack-trap-frame");
}

/** The trap frame of a known context: right below its stack pointer. */
function frameBelow(scene: StopScene, context: CpuContext | undefined): void {
  if (!context || scene.trapFrame !== undefined || !scene.isKernelAddress(context.sp)) return;
  const address = trapFrameBelow(scene.dump.cpu, context.sp);
  const frame = address === undefined ? undefined : scene.readTrapFrame(address);
  if (frame?.context.pc !== context.pc || frame.context.sp !== context.sp) return;
  // The context is whole, the frame's registers are not.
  scene.setEntryFrame(frame);
}

/** The record that the dispatcher of exceptions makes, at its usual place below the trap frame. */
function recordBelow(scene: StopScene, wanted: VirtualAddress | undefined): void {
  if (scene.dump.cpu !== "amd64" || scene.trapFrame === undefined || scene.exception) return;
  const at = addOffset(scene.trapFrame, -EXCEPTION_RECORD_BELOW);
  const record = readExceptionRecord(scene.dump.memory, at, scene.pointerSize);
  if (record && record.address === wanted) scene.setException(record);
}

/** CONTEXT and EXCEPTION_RECORD of the very instruction that the arguments name: dispatchers keep them on the stack. */
function searchRecords(
  scene: StopScene,
  stack: StackBytes,
  wanted: VirtualAddress | undefined,
  isCode: (address: VirtualAddress) => boolean,
): void {
  if (wanted === undefined || wanted === 0n) return;
  if (!scene.context) {
    const found = findContextRecords(stack, scene.dump.cpu, isCode).find(({ context }) => context.pc === wanted);
    if (found) scene.setContext(found.context, "stack-context", found.at);
  }
  if (!scene.exception) {
    const found = findExceptionRecords(stack, scene.pointerSize, isCode).find(({ address }) => address === wanted);
    if (found) scene.setException(found);
  }
}
