import { truncateToPointer, type VirtualAddress } from "../../dump/address.ts";
import type { Dump, DumpException } from "../../dump/dump.ts";
import type { Access, StopFacts } from "../stop-codes/stop-facts.ts";

/** What the exception itself says about an access to memory. */
export interface ReportedAccess {
  readonly address: VirtualAddress;
  readonly access?: Access;
  /** The processor raised a general protection fault, which has no address: what stands there is a filler. */
  readonly withoutAddress: boolean;
  /** The system called it the end of the stack. */
  readonly stackOverflow: boolean;
  /** The system called it a guard page. */
  readonly guardPage: boolean;
}

const STATUS_GUARD_PAGE_VIOLATION = 0x8000_0001;
const STATUS_ACCESS_VIOLATION = 0xc000_0005;
const STATUS_IN_PAGE_ERROR = 0xc000_0006;
const STATUS_STACK_OVERFLOW = 0xc000_00fd;
/** All carry the kind of access and the address in their first two parameters. */
const WINDOWS_ACCESSES: ReadonlySet<number> = new Set([
  STATUS_GUARD_PAGE_VIOLATION,
  STATUS_ACCESS_VIOLATION,
  STATUS_IN_PAGE_ERROR,
  STATUS_STACK_OVERFLOW,
]);

const SIGBUS = 7;
const SIGSEGV = 11;
const EXC_BAD_ACCESS = 1;

/** Filler of Windows for faults without an address. */
const ALL_ONES_64 = 0xffff_ffff_ffff_ffffn;

/** The access that failed; undefined for exceptions that are about something else. */
export function reportedAccess(dump: Dump, stop: StopFacts | undefined): ReportedAccess | undefined {
  if (dump.bugcheck) return stop && kernelAccess(dump, stop);
  const { exception } = dump;
  if (!exception) return undefined;
  if (dump.system.os === "Windows NT") return windowsAccess(dump, exception);
  const { os } = dump.system;
  const apple = os === "Mac OS X" || os === "iOS";
  const faults = apple ? exception.code === EXC_BAD_ACCESS : exception.code === SIGSEGV || exception.code === SIGBUS;
  if (!faults) return undefined;
  const address = truncateToPointer(exception.address, dump.pointerSize);
  return { address, withoutAddress: address === 0n, stackOverflow: false, guardPage: false };
}

function windowsAccess(dump: Dump, exception: DumpException): ReportedAccess | undefined {
  const [operation, accessed] = exception.parameters;
  const stackOverflow = exception.code === STATUS_STACK_OVERFLOW;
  if (!WINDOWS_ACCESSES.has(exception.code) || operation === undefined || accessed === undefined) return undefined;
  const access = accessKind(operation);
  return {
    address: truncateToPointer(accessed, dump.pointerSize),
    ...(access ? { access } : {}),
    withoutAddress: isFiller(dump, accessed) && access === "read",
    stackOverflow,
    guardPage: exception.code === STATUS_GUARD_PAGE_VIOLATION,
  };
}

/** A bug check names the address in an argument, or its exception record does. */
function kernelAccess(dump: Dump, stop: StopFacts): ReportedAccess | undefined {
  const record = stop.exceptionRecord;
  const fromRecord = record && WINDOWS_ACCESSES.has(record.code) ? record.parameters : undefined;
  const address = stop.accessedAddress ?? (fromRecord?.[1] as VirtualAddress | undefined);
  if (address === undefined) return undefined;
  const operation = fromRecord?.[0];
  const access = stop.access ?? (operation === undefined ? undefined : accessKind(operation));
  return {
    address,
    ...(access ? { access } : {}),
    withoutAddress: isFiller(dump, address) && (access ?? "read") === "read",
    stackOverflow: record?.code === STATUS_STACK_OVERFLOW,
    guardPage: false,
  };
}

function isFiller(dump: Dump, address: bigint): boolean {
  return dump.cpu === "amd64" && address === ALL_ONES_64;
}

function accessKind(operation: bigint): Access | undefined {
  if (operation === 0n) return "read";
  if (operation === 1n) return "write";
  return operation === 8n ? "execute" : undefined;
}
