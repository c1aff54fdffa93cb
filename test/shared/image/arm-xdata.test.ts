import { readArm64Unwind } from "../../../shared/image/unwind-arm64.ts";

/** A record of 1,024 epilogues that share 1,020 bytes of codes: each from another byte on to the end. */
function crowdedRecord(): Uint8Array {
  const bytes = new Uint8Array(8 + 1024 * 4 + 255 * 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x3ffff, true);
  view.setUint16(4, 1024, true);
  bytes[6] = 255;
  for (let scope = 0; scope < 1024; scope++) view.setUint32(8 + scope * 4, (scope | (scope << 22)) >>> 0, true);
  // alloc_s steps, and one end behind them all.
  bytes.fill(0x01, 8 + 1024 * 4);
  bytes[bytes.length - 1] = 0xe4;
  return bytes;
}

describe("records of ARM images", () => {
  it("with more epilogues than any function has are read as far as a bound", () => {
    const record = crowdedRecord();
    const image = { read: (rva: number, length: number) => record.subarray(rva, rva + length), plan: () => {} };
    const unwind = readArm64Unwind(image, { begin: 0x1000, words: [0, 0] } as never);
    if (typeof unwind === "string") throw new Error(unwind);
    const steps = unwind.epilogs.reduce((sum, { codes }) => sum + codes.length, 0);
    expect(unwind.epilogs.length).toBeGreaterThan(3);
    expect(steps).toBeLessThan(4096 + 1020);
  });
});
