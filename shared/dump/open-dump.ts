import type { FetchedBytes } from "../bytes/block-cache.ts";
import { FIRST_READ_BYTES, type StepRunner, WHOLE_READ_LIMIT } from "../bytes/step-runner.ts";
import type { Notes } from "../notes.ts";
import type { Dump } from "./dump.ts";
import { DumpError, type DumpErrorCode } from "./errors.ts";
import { openMinidump } from "./minidump/minidump.ts";
import { type OpenedDump, openedWhole } from "./opened-dump.ts";
import type { KernelTypesOf } from "./type-layout.ts";

/** Bytes that are looked at to tell what a file is; a log may stand before a microdump. */
const SNIFF_BYTES = 4096;
/** Shorter files hold no signature of any dump. */
const SIGNATURE_BYTES = 8;

/** What a file that is no dump of ours starts with, why it is refused, and what may help. */
interface Refusal {
  readonly code: DumpErrorCode;
  readonly says: string;
  readonly matches: (start: string) => boolean;
}

const startsWith =
  (...signatures: string[]) =>
  (start: string): boolean =>
    signatures.some((signature) => start.startsWith(signature));

/** In order: the first that matches answers. Signatures are in Latin-1. */
const REFUSALS: readonly Refusal[] = [
  {
    code: "dump.big-endian",
    says: "a minidump in big-endian byte order, which is not read",
    matches: startsWith("PMDM"),
  },
  {
    code: "dump.unsupported-format",
    says: "a Windows hibernation file, which is not read: only crash dumps are",
    matches: startsWith("hibr", "HIBR", "RSTR", "wake", "WAKE"),
  },
  {
    code: "dump.unsupported-format",
    says: "a Breakpad microdump, which is not read yet",
    matches: (start) => start.includes("-----BEGIN BREAKPAD MICRODUMP-----"),
  },
  {
    code: "dump.not-a-dump",
    says: "an Oracle database export, which shares the name .dmp",
    matches: (start) => start.slice(0, 16).includes("EXPORT:V") || start.includes("SYS_EXPORT_"),
  },
  {
    code: "dump.unsupported-format",
    says: "a compressed file: unpack it and send the dump inside",
    matches: startsWith("\x1f\x8b", "PK\x03\x04", "7z\xbc\xaf", "MSCF", "\x28\xb5\x2f\xfd", "BZh", "\xfd7zXZ"),
  },
  {
    code: "dump.unsupported-format",
    says: "an ELF file: cores of Linux processes are not read",
    matches: startsWith("\x7fELF"),
  },
];

/**
 * Recognises a dump by its first bytes and opens it. Objects of up to 4 MiB are fetched whole
 * by the first read.
 * @throws DumpError when it is no dump that we read; the message says what it seems to be
 */
export async function openDump(runner: StepRunner, notes: Notes): Promise<Dump> {
  return (await beginDump(runner, notes)).whole();
}

/**
 * The same without waiting for what stacks do not need: it comes in the rounds of what is read next.
 * @param typesOf symbols of a crashed kernel, where they are to be had
 * @throws DumpError as {@link openDump}
 */
export async function beginDump(runner: StepRunner, notes: Notes, typesOf?: KernelTypesOf): Promise<OpenedDump> {
  const open = await runner.run(recognise);
  return open(runner, notes, typesOf);
}

type Opener = (runner: StepRunner, notes: Notes, typesOf?: KernelTypesOf) => Promise<OpenedDump>;

/** Most dumps of users need nothing of it: a cold start loads it only for those that do. */
const openKernel: Opener = async (runner, notes, typesOf) => {
  const { openKernelDump } = await import("./kernel-dump/kernel-dump.ts");
  return openKernelDump(runner, notes, typesOf);
};

function recognise(bytes: FetchedBytes): Opener {
  const { size } = bytes;
  if (size === 0) throw new DumpError("dump.empty", "the file is empty");
  bytes.plan([{ start: 0, end: size <= WHOLE_READ_LIMIT ? size : FIRST_READ_BYTES }]);
  const signature = latin1(bytes.upTo(0, SIGNATURE_BYTES));
  if (signature.startsWith("MDMP")) return async (own, into) => openedWhole(await openMinidump(own, into));
  if (signature === "PAGEDU64" || signature === "PAGEDUMP") return openKernel;
  const start = latin1(bytes.upTo(0, SNIFF_BYTES));
  const refusal = REFUSALS.find(({ matches }) => matches(start));
  if (refusal) throw new DumpError(refusal.code, `this is ${refusal.says}`, { offset: 0 });
  if (size < SIGNATURE_BYTES) {
    throw new DumpError("dump.truncated-header", "the file is too short for the signature of any dump", {
      expected: SIGNATURE_BYTES,
      actual: size,
    });
  }
  throw new DumpError("dump.not-a-dump", "the file does not start as any dump does", {
    expected: "MDMP, PAGEDUMP or PAGEDU64",
    offset: 0,
  });
}

/** One character a byte, so that signatures can be compared as text. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
