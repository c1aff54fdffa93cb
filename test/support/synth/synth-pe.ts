import { ByteWriter } from "./byte-writer.ts";

/** What a small 32-bit image holds: headers and a section with its debug directory. */
export interface SynthPe {
  readonly timestamp: number;
  readonly sizeOfImage: number;
  /** GUID as it lies in memory, 16 bytes. */
  readonly guid: Uint8Array;
  readonly age: number;
  /** Path of the symbol file as a linker writes it. */
  readonly pdb: string;
}

const SECTION_RVA = 0x1000;
const FILE_ALIGNMENT = 0x200;

/** A PE32 image file whose debug directory names its symbol file. */
export function synthPe({ timestamp, sizeOfImage, guid, age, pdb }: SynthPe): Uint8Array {
  const codeView = new ByteWriter()
    .ascii("RSDS", 4)
    .bytes(guid)
    .u32(age)
    .ascii(pdb, pdb.length + 1)
    .finish();
  const section = new ByteWriter()
    // IMAGE_DEBUG_DIRECTORY: type 2 is CodeView, behind it.
    .u32(0)
    .u32(timestamp)
    .u32(0)
    .u32(2)
    .u32(codeView.length)
    .u32(SECTION_RVA + 28)
    .u32(2 * FILE_ALIGNMENT + 28)
    .bytes(codeView)
    .finish();
  const writer = new ByteWriter().ascii("MZ", 60).u32(0x40);
  // IMAGE_FILE_HEADER of an x86 image with one section.
  writer.ascii("PE", 4).u16(0x14c).u16(1).u32(timestamp).u32(0).u32(0).u16(0xe0).u16(0x102);
  // IMAGE_OPTIONAL_HEADER32 to SizeOfImage and SizeOfHeaders.
  writer.u16(0x10b).u16(0).u32(0).u32(0).u32(0).u32(0).u32(0).u32(0);
  writer.u32(0x400000).u32(0x1000).u32(FILE_ALIGNMENT);
  for (let i = 0; i < 4; i++) writer.u32(5);
  writer
    .u32(sizeOfImage)
    .u32(2 * FILE_ALIGNMENT)
    .u32(0);
  // Subsystem, characteristics, four sizes of stacks and heaps, loader flags; then 16 data directories, the 7th debug.
  writer.u32(1);
  for (let i = 0; i < 5; i++) writer.u32(0);
  writer.u32(16);
  for (let i = 0; i < 16; i++) writer.u32(i === 6 ? SECTION_RVA : 0).u32(i === 6 ? 28 : 0);
  writer
    .ascii(".rdata", 8)
    .u32(section.length)
    .u32(SECTION_RVA)
    .u32(FILE_ALIGNMENT)
    .u32(2 * FILE_ALIGNMENT);
  for (let i = 0; i < 3; i++) writer.u32(0);
  writer.u32(0x40000040);
  const file = new Uint8Array(3 * FILE_ALIGNMENT);
  file.set(writer.finish());
  file.set(section, 2 * FILE_ALIGNMENT);
  return file;
}
