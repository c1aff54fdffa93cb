import { readContextRecord } from "../../../dump/kernel-dump/trap-frame/context-record.ts";
import { readExceptionRecord } from "../../../dump/kernel-dump/trap-frame/exception-record.ts";
import type { Access, StopDecoder } from "../stop-facts.ts";
import type { StopScene } from "../stop-scene.ts";

/** Exceptions that nobody handled. Where their records are differs by the handler that gave up. */

const STATUS_ACCESS_VIOLATION = 0xc0000005;
const STATUS_IN_PAGE_ERROR = 0xc0000006;

/** What an access violation tried, by its first parameter. */
export function violationAccess(kind: bigint | undefined): Access | undefined {
  if (kind === 0n) return "read";
  if (kind === 1n) return "write";
  return kind === 8n ? "execute" : undefined;
}

function conclude(scene: StopScene): void {
  const code = scene.exception?.code ?? scene.arg32(1);
  bucketByCode(scene, code);
  const parameters = scene.exception?.parameters;
  if (parameters && (code === STATUS_ACCESS_VIOLATION || code === STATUS_IN_PAGE_ERROR))
    scene.setAccess(parameters[1] as typeof scene.accessed, violationAccess(parameters[0]));
}

function bucketByCode(scene: StopScene, code: number): void {
  const hex = scene.code.toString(16).toUpperCase();
  scene.bucket({ class: code === STATUS_ACCESS_VIOLATION ? "AV" : `0x${hex}_${code.toString(16)}` });
}

/** Arguments lead to the records: context (0x3B), both (0x7E), a trap frame (0x8E). */
export const UNHANDLED_EXCEPTIONS: StopDecoder = {
  codes: [0x3b, 0x7e, 0x8e],
  fault: "argument-ip",
  conclude,
};

/** 0x1E: no argument leads to a record; the dispatcher's locals are on the stack. */
export const KMODE_EXCEPTION: StopDecoder = {
  codes: [0x1e],
  fault: "argument-ip",
  conclude: (scene) => {
    bucketByCode(scene, scene.arg32(1));
    if (scene.arg32(1) === STATUS_ACCESS_VIOLATION) scene.setAccess(scene.arg(4), violationAccess(scene.arg(3)));
  },
};

/** Both records, in various arguments. */
export const RECORDED_EXCEPTIONS: StopDecoder = {
  codes: [0x3d, 0x10f, 0x18d],
  conclude: (scene) => {
    if (scene.exception) bucketByCode(scene, scene.exception.code);
  },
};

/** 0x135: a registry callback raised; the callback itself is the third argument. */
export const REGISTRY_FILTER_EXCEPTION: StopDecoder = {
  codes: [0x135],
  conclude: (scene) => bucketByCode(scene, scene.arg32(1)),
};

/** 0x154: the memory store's worker met an exception; argument 2 may be EXCEPTION_POINTERS. */
export const STORE_EXCEPTION: StopDecoder = {
  codes: [0x154],
  decode: (scene) => {
    const pointers = scene.arg(2);
    if (!scene.isKernelAddress(pointers)) return;
    const record = scene.pointer(pointers);
    const context = scene.pointer(pointers, scene.pointerSize);
    const exception = record && readExceptionRecord(scene.dump.memory, record, scene.pointerSize);
    const registers = context && readContextRecord(scene.dump.memory, scene.dump.cpu, context);
    if (exception) scene.setException(exception);
    if (registers && context) scene.setContext(registers, "context-record", context);
    const status = exception?.code === STATUS_IN_PAGE_ERROR ? exception.parameters[2] : undefined;
    if (status === undefined) return;
    const seen = `the page file could not be read: status 0x${BigInt.asUintN(32, status).toString(16)}`;
    scene.blame("decoder", { rule: "store-inpage", seen, confidence: "medium", hardware: "disk" });
  },
};

/** File systems: records when their exception filter is on the stack; argument 1 is file and line. */
export const FILE_SYSTEM_EXCEPTIONS: StopDecoder = {
  codes: [0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x9b, 0xa4, 0x103],
  decode: (scene) => {
    const source = scene.arg32(1);
    scene.field("BUGCHECK_SOURCE", `file 0x${(source >>> 16).toString(16)} line ${source & 0xffff}`);
  },
};
