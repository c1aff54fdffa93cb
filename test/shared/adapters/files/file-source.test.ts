import { mkdtemp, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFile } from "../../../../shared/adapters/files/file-source.ts";
import {
  defineByteSourceContract,
  patternBytes,
  sourceErrorCode,
} from "../../../support/contracts/byte-source-contract.ts";

let folder: string;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "file-source-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function fileOf(bytes: Uint8Array): Promise<string> {
  const path = join(folder, `${files++}.dmp`);
  await writeFile(path, bytes);
  return path;
}

defineByteSourceContract("a local file", async (bytes) => {
  const path = await fileOf(bytes);
  const { source, close } = await openFile(path);
  const change = async (changed: Uint8Array) => {
    await writeFile(path, changed);
    // The clock of the file system may tick slower than the test runs.
    await utimes(path, new Date(2001, 1), new Date(2001, 1));
  };
  return { source, close, change };
});

describe("openFile", () => {
  it("says what kind of thing cannot be read, without its path", async () => {
    expect(await sourceErrorCode(openFile(join(folder, "none.dmp")))).toBe("source.not-found");
    expect(await sourceErrorCode(openFile(folder))).toBe("source.denied");
    expect(await sourceErrorCode(openFile("/dev/null"))).toBe("source.denied");
    await expect(openFile(join(folder, "secret-name.dmp"))).rejects.not.toThrow("secret-name");
  });

  it("says that a file was cut while it was read", async () => {
    const path = await fileOf(patternBytes(10_000));
    const { source, close } = await openFile(path);
    await truncate(path, 5000);
    expect(await sourceErrorCode(source.read([{ start: 0, end: 10_000 }]))).toBe("source.changed");
    await close();
  });

  it("reads beyond 4 GiB", async () => {
    const path = await fileOf(new Uint8Array(0));
    await truncate(path, 5 * 2 ** 30);
    const { source, close } = await openFile(path);
    expect(source.size).toBe(5 * 2 ** 30);
    expect((await source.read([{ start: 5 * 2 ** 30 - 3, end: 5 * 2 ** 30 }]))[0]).toEqual(new Uint8Array(3));
    await close();
  });
});
