import { DumpError } from "../../../shared/dump/errors.ts";
import { corpusFiles, corpusPath, describeCorpus } from "../../support/corpus.ts";
import { openBytes, openFile } from "../../support/open-kernel.ts";

const bytesOf = (text: string, size = 64): Uint8Array => {
  const bytes = new Uint8Array(size);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
};

const rejection = async (bytes: Uint8Array): Promise<DumpError> => {
  const error = await openBytes(bytes).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DumpError);
  return error as DumpError;
};

describe("files that are no dump of ours", () => {
  it("says empty", async () => {
    expect((await rejection(new Uint8Array(0))).code).toBe("dump.empty");
  });

  it("says too short", async () => {
    expect((await rejection(bytesOf("abc", 3))).code).toBe("dump.truncated-header");
    expect((await rejection(bytesOf("PAGEDU64", 8))).code).toBe("dump.truncated-header");
  });

  it.each([
    ["PMDM", "dump.big-endian", /big-endian/],
    ["hibr", "dump.unsupported-format", /hibernation/],
    ["HIBR", "dump.unsupported-format", /hibernation/],
    ["wake", "dump.unsupported-format", /hibernation/],
    ["RSTR", "dump.unsupported-format", /hibernation/],
    ["\x03\x03iEXPORT:V23.00.00\nDSYSTEM", "dump.not-a-dump", /Oracle/],
    ["\x1f\x8b\x08", "dump.unsupported-format", /compressed/],
    ["PK\x03\x04", "dump.unsupported-format", /compressed/],
    ["\x7fELF", "dump.unsupported-format", /ELF/],
    ["W/breakpad: -----BEGIN BREAKPAD MICRODUMP-----", "dump.unsupported-format", /microdump/],
    ["PAGEBOOK", "dump.not-a-dump", /does not start/],
    ["hello, world", "dump.not-a-dump", /does not start/],
  ])("%j", async (text, code, says) => {
    const error = await rejection(bytesOf(text));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(says);
  });

  it("quotes nothing of the file", async () => {
    const error = await rejection(bytesOf("secret words of somebody"));
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain("secret");
  });
});

describeCorpus("files of the corpus", () => {
  it("refuses Oracle exports", async () => {
    const exports = corpusFiles("oracle", ".dmp");
    expect(exports.length).toBeGreaterThan(1);
    for (const file of exports) {
      await expect(openFile(corpusPath(file))).rejects.toMatchObject({
        code: "dump.not-a-dump",
        message: expect.stringMatching(/Oracle/),
      });
    }
  });

  it("refuses microdumps for now", async () => {
    const [first = ""] = corpusFiles("microdump", ".dmp");
    await expect(openFile(corpusPath(first))).rejects.toMatchObject({ message: expect.stringMatching(/microdump/) });
  });

  it("opens minidumps and kernel dumps", async () => {
    const [user = ""] = corpusFiles("windows-x64", ".dmp");
    expect((await openFile(corpusPath(user))).dump.format).toBe("MDMP");
    expect((await openFile(corpusPath("kernel/triage_x64.dmp"))).dump.format).toBe("PAGEDU64");
  });
});
