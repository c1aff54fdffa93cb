import type { FetchedBytes } from "../../../bytes/block-cache.ts";
import type { BlackBox, DumpBlob, DumpSecondaryData } from "../../secondary-data.ts";
import { asciiText } from "../fill.ts";
import { MAX_BLACK_BOX_BYTES, readBootStatus, readLogon, readPlugAndPlay } from "./black-boxes.ts";
import type { BlobPlace } from "./blobs.ts";
import { MAX_HARDWARE_BYTES, readAcpiTables, readPciFunctions, readProcessorName } from "./hardware.ts";
import { MAX_SMBIOS_BYTES, readFirmware } from "./smbios.ts";
import { HOLDS, TAGS } from "./tags.ts";

/** Bytes that are read below each tag; of the others only the head. */
const READ_BYTES: Readonly<Record<string, number>> = {
  [TAGS.SMBIOS]: MAX_SMBIOS_BYTES,
  [TAGS.PROCESSOR_REGISTERS]: MAX_HARDWARE_BYTES,
  [TAGS.ACPI]: MAX_HARDWARE_BYTES,
  [TAGS.PCI]: MAX_HARDWARE_BYTES,
  [TAGS.BOOT_STATUS]: MAX_BLACK_BOX_BYTES,
  [TAGS.PLUG_AND_PLAY]: MAX_BLACK_BOX_BYTES,
  [TAGS.WINLOGON]: MAX_BLACK_BOX_BYTES,
};

/** The name that a component's log begins with, filled up with zeros. */
const NAME_BYTES = 0x1c;
const HEAD_BYTES = 0x44;
/** Where else a name stands, by tag. */
const NAME_AT: Readonly<Record<string, number>> = { [TAGS.DRIVER_FRAMEWORK_LOG]: 0x24, [TAGS.STORAGE_PORT]: 0x10 };
/** NTFS notes slow requests behind a header of this size. */
const MIN_NTFS_BYTES = 0x10;

/**
 * Looks into the pieces of secondary data that are understood; all are asked for in one round. Callbacks run more
 * than once, so of two pieces with a tag the first counts.
 * @throws MissingRanges
 */
export function readSecondaryData(bytes: FetchedBytes, places: readonly BlobPlace[]): DumpSecondaryData {
  const wanted = (place: BlobPlace): number => Math.min(place.size, READ_BYTES[place.tag] ?? HEAD_BYTES);
  bytes.plan(places.map((place) => ({ start: place.offset, end: place.offset + wanted(place) })));
  const dataOf = (tag: string): Uint8Array | undefined => {
    const place = places.find((one) => one.tag === tag);
    return place && bytes.upTo(place.offset, wanted(place));
  };
  const read = <T>(tag: string, reader: (data: Uint8Array) => T | undefined): T | undefined => {
    const data = dataOf(tag);
    return data && reader(data);
  };
  const firmware = read(TAGS.SMBIOS, readFirmware);
  const cpuName = read(TAGS.PROCESSOR_REGISTERS, readProcessorName);
  const acpiTables = read(TAGS.ACPI, readAcpiTables);
  const pciFunctions = read(TAGS.PCI, readPciFunctions);
  const boot = read(TAGS.BOOT_STATUS, readBootStatus);
  const plugAndPlay = read(TAGS.PLUG_AND_PLAY, readPlugAndPlay);
  const logon = read(TAGS.WINLOGON, readLogon);
  const ntfs = read(TAGS.NTFS, (data) => (data.length >= MIN_NTFS_BYTES ? data : undefined));
  const boxes: ReadonlyArray<readonly [BlackBox, unknown]> = [
    ["BSD", boot],
    ["NTFS", ntfs],
    ["PNP", plugAndPlay],
    ["WINLOGON", logon],
  ];
  return {
    blobs: places.map((place) => blobOf(place, bytes.upTo(place.offset, Math.min(place.size, HEAD_BYTES)))),
    ...(firmware ? { firmware } : {}),
    ...(cpuName === undefined ? {} : { cpuName }),
    ...(acpiTables ? { acpiTables } : {}),
    ...(pciFunctions ? { pciFunctions } : {}),
    blackBoxes: boxes.filter(([, found]) => found !== undefined).map(([name]) => name),
    ...(boot ? { boot } : {}),
    ...(plugAndPlay ? { plugAndPlay } : {}),
    ...(logon ? { logon } : {}),
  };
}

function blobOf(place: BlobPlace, head: Uint8Array): DumpBlob {
  const holds = HOLDS[place.tag];
  const at = NAME_AT[place.tag];
  const component = at === undefined && holds !== undefined ? undefined : componentName(head.subarray(at ?? 0));
  return { ...place, ...(holds === undefined ? {} : { holds }), ...(component === undefined ? {} : { component }) };
}

/** A name with zeros behind it. Other data that happen to begin with letters go on with something else. */
function componentName(data: Uint8Array): string | undefined {
  const field = data.subarray(0, NAME_BYTES);
  const name = asciiText(field);
  const named = /^[A-Za-z][\w.-]{2,}$/.test(name) && field.length === NAME_BYTES;
  return named && field.subarray(name.length).every((byte) => byte === 0) ? name : undefined;
}
