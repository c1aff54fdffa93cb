import { deflateRawSync } from "node:zlib";

/** Bytes of a file in one block of a cabinet. */
const BLOCK = 32_768;

/** A cabinet of one file, packed as symbol stores pack theirs (MSZIP, blocks that do not refer to each other). */
export function buildCabinet(name: string, content: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += BLOCK) {
    const piece = content.subarray(at, at + BLOCK);
    const packed = deflateRawSync(piece);
    const head = new Uint8Array(10);
    const view = new DataView(head.buffer);
    view.setUint16(4, packed.length + 2, true);
    view.setUint16(6, piece.length, true);
    head.set([0x43, 0x4b], 8);
    blocks.push(head, packed);
  }
  const title = new TextEncoder().encode(`${name}\0`);
  const start = 36 + 8 + 16 + title.length;
  const size = start + blocks.reduce((sum, block) => sum + block.length, 0);
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  out.set(new TextEncoder().encode("MSCF"));
  view.setUint32(8, size, true);
  view.setUint32(16, 44, true);
  out.set([3, 1], 24);
  view.setUint16(26, 1, true);
  view.setUint16(28, 1, true);
  // One folder, of as many blocks, MSZIP; one file in it.
  view.setUint32(36, start, true);
  view.setUint16(40, blocks.length / 2, true);
  view.setUint16(42, 1, true);
  view.setUint32(44, content.length, true);
  out.set(title, 60);
  let at = start;
  for (const block of blocks) {
    out.set(block, at);
    at += block.length;
  }
  return out;
}
