import { guidText, peCodeId, readCodeView } from "../../../shared/image/codeview.ts";
import { codeViewBytes } from "../../support/synth/synth-minidump.ts";

const GUID = Uint8Array.from([0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 10, 11, 12, 13, 14, 15]);

describe("readCodeView", () => {
  it("reads a PDB 7.0 record: GUID, age in hex, path", () => {
    const bytes = codeViewBytes({ kind: "rsds", guid: GUID, age: 0x1b, pdb: "c:\\out\\app.pdb" });
    expect(readCodeView(bytes)).toEqual({
      kind: "pdb70",
      guid: "001122334455667788990A0B0C0D0E0F",
      debugId: "001122334455667788990A0B0C0D0E0F1b",
      debugFile: "c:\\out\\app.pdb",
    });
  });

  it("takes an all-zero GUID for none", () => {
    const bytes = codeViewBytes({ kind: "rsds", guid: new Uint8Array(16), age: 1, pdb: "a.pdb" });
    expect(readCodeView(bytes)?.debugId).toBeUndefined();
  });

  it("reads a PDB 2.0 record by time stamp and age", () => {
    const bytes = codeViewBytes({ kind: "nb10", timestamp: 0x3e_a8_09_77, age: 2, pdb: "ntoskrnl.pdb" });
    expect(readCodeView(bytes)).toEqual({ kind: "pdb20", debugId: "3EA809772", debugFile: "ntoskrnl.pdb" });
  });

  it.each([
    [4, "001122330000000000000000000000000", "33221100"],
    [16, "001122334455667788990A0B0C0D0E0F0", "332211005544776688990a0b0c0d0e0f"],
  ])("reads an ELF build id of %i bytes", (length, debugId, buildId) => {
    const record = readCodeView(codeViewBytes({ kind: "elf", buildId: GUID.subarray(0, length) }));
    expect(record).toEqual({ kind: "elf", debugId, buildId });
  });

  it("takes an all-zero build id for none: fonts and archives are mapped without one", () => {
    expect(readCodeView(codeViewBytes({ kind: "elf", buildId: new Uint8Array(20) }))).toEqual({ kind: "elf" });
  });

  it("says when a signature is unknown or a record too short", () => {
    expect(readCodeView(new TextEncoder().encode("MTOCxxxx"))).toEqual({ kind: "unknown" });
    expect(readCodeView(new TextEncoder().encode("RSDSxxxx"))).toBeUndefined();
    expect(readCodeView(new TextEncoder().encode("NB10xxxx"))).toBeUndefined();
    expect(readCodeView(new Uint8Array(3))).toBeUndefined();
  });

  it("ends a path without NUL at the end of the record", () => {
    const bytes = codeViewBytes({ kind: "rsds", guid: GUID, age: 1, pdb: "app.pdb" });
    expect(readCodeView(bytes.subarray(0, -1))?.debugFile).toBe("app.pdb");
  });
});

describe("identities", () => {
  it("writes a GUID with its first three fields little-endian", () => {
    expect(guidText(GUID)).toBe("001122334455667788990A0B0C0D0E0F");
  });

  it("writes a PE code id as 8 digits of time stamp and the size without zeros", () => {
    expect(peCodeId(0x3ea80977, 0x1a000)).toBe("3ea809771a000");
    expect(peCodeId(1, 0x10)).toBe("0000000110");
  });
});
