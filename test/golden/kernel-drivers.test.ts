import { readFileSync } from "node:fs";
import type { DumpModule } from "../../shared/dump/dump.ts";
import { corpusFiles, corpusPath, describeCorpus } from "../support/corpus.ts";
import { openFile } from "../support/open-kernel.ts";

/**
 * Header and drivers of every real triage dump against what another reader printed of it, and of
 * 083125-14875-01 against WinDbg's `lm t n`.
 */

const SUFFIX = ".expected.header-drivers.json";

interface ExpectedDriver {
  readonly name: string;
  readonly base: string;
  readonly size: number;
  readonly checksum: string;
  /** TimeDateStamp, at entry offset 0x88. */
  readonly t80: string;
}

interface Expected {
  readonly kind: string;
  readonly maj: number;
  readonly build: number;
  readonly dtb: string;
  readonly psloaded: string;
  readonly psactive: string;
  readonly cpus: number;
  readonly bugcheck: string;
  readonly params: readonly string[];
  readonly kdbg: string;
  readonly systime: string;
  readonly uptime_s: number;
  readonly prodtype: number;
  readonly suite: number;
  readonly size: number;
  readonly triage: Readonly<Record<string, number | string>>;
  readonly drivers: readonly ExpectedDriver[];
}

/** Keys of the other tool's triage object → names of our sections. */
const PLACES = {
  ctx: "CONTEXT",
  exc: "EXCEPTION_RECORD",
  mm: "DUMP_MM_STORAGE",
  unl: "UNLOADED_DRIVERS",
  prcb: "KPRCB",
  proc: "EPROCESS",
  thr: "ETHREAD",
  callstk: "CallStack",
  dlist: "DriverList",
  strpool: "StringPool",
} as const;

const hex = (value: bigint | number | undefined): string => `0x${(value ?? -1).toString(16)}`;

describeCorpus("kernel triage dumps against header-drivers.json", () => {
  const files = corpusFiles("kernel", SUFFIX);

  it("finds the four dumps", () => {
    expect(files).toHaveLength(4);
  });

  it.each(files)("%s: header, places and drivers", async (file) => {
    const expected = JSON.parse(readFileSync(corpusPath(file), "utf8")) as Expected;
    const { dump, counts } = await openFile(corpusPath(file.slice(0, -SUFFIX.length)));
    expect({
      kind: dump.format,
      maj: dump.kernel?.majorVersion,
      build: dump.system.osBuild,
      dtb: hex(dump.kernel?.directoryTableBase),
      psloaded: hex(dump.kernel?.loadedModuleList),
      psactive: hex(dump.kernel?.activeProcessHead),
      cpus: dump.system.cpuCount,
      bugcheck: hex(dump.bugcheck?.code),
      params: dump.bugcheck?.parameters.map(hex),
      kdbg: hex(dump.kernel?.debuggerDataBlock),
      uptime_s: dump.uptimeSeconds,
      prodtype: dump.system.productType,
      suite: dump.system.suiteMask,
      size: dump.size,
    }).toEqual({
      kind: expected.kind,
      maj: expected.maj,
      build: expected.build,
      dtb: expected.dtb,
      psloaded: expected.psloaded,
      psactive: expected.psactive,
      cpus: expected.cpus,
      bugcheck: expected.bugcheck,
      params: expected.params,
      kdbg: expected.kdbg,
      uptime_s: expected.uptime_s,
      prodtype: expected.prodtype,
      suite: expected.suite,
      size: expected.size,
    });
    // The other tool prints microseconds, we keep milliseconds.
    expect(new Date(dump.created ?? 0).toISOString().slice(0, -1)).toBe(expected.systime.slice(0, 23));
    expect(dump.cpu).toBe("amd64");
    expect(dump.kind).toBe("kernel-triage");
    const offsets = Object.entries(PLACES).map(([key, name]) => [
      key,
      dump.sections.find((section) => section.name === name)?.offset,
    ]);
    expect(offsets).toEqual(Object.keys(PLACES).map((key) => [key, expected.triage[key]]));
    const stack = dump.threads[0]?.stack;
    expect([hex(stack?.start), stack?.size]).toEqual([expected.triage["topofstack"], expected.triage["ncallstk"]]);
    expect(
      dump.modules.map((module) => ({
        name: module.path,
        base: hex(module.base),
        size: module.size,
        checksum: hex(module.checksum ?? 0),
        t80: hex(module.timestamp ?? 0),
      })),
    ).toEqual(expected.drivers.map(({ name, base, size, checksum, t80 }) => ({ name, base, size, checksum, t80 })));
    expect(counts.requests).toBeLessThanOrEqual(2);
  });
});

/** A line of `lm t n`: `start end   module image rest`. */
const LOADED = /^([0-9a-f`]{17}) ([0-9a-f`]{17})\s+(\S+)\s+(\S+)\s+(.*)$/;
const UNLOADED = /^([0-9a-f`]{17}) ([0-9a-f`]{17})\s+(\S+)\s*$/;

/** The name that debuggers give a module: `nt` for the kernel, else the base name without its extension. */
function debuggerName(module: DumpModule, index: number): string {
  const base = module.path.slice(module.path.lastIndexOf("\\") + 1);
  const dot = base.lastIndexOf(".");
  return index === 0 ? "nt" : (dot < 0 ? base : base.slice(0, dot)).replaceAll(/[^A-Za-z0-9_]/g, "_");
}

const tick = (address: bigint): string => {
  const digits = address.toString(16).padStart(16, "0");
  return `${digits.slice(0, 8)}\`${digits.slice(8)}`;
};

describeCorpus("083125-14875-01 against WinDbg's lm t n", () => {
  const dumpPath = corpusPath("kernel/083125-14875-01.dmp");
  const lines = readFileSync(`${dumpPath}.expected.windbg.lm_t_n.txt`, "latin1").split(/\r?\n/);

  it("lists the same modules: start, end, name, timestamp or hash", async () => {
    const { dump } = await openFile(dumpPath);
    const expected = lines.flatMap((line) => {
      const [, start, end, name, image, rest = ""] = LOADED.exec(line) ?? [];
      const stamp = /^([0-9A-F]{8}) \(This is a reproducible|\(([0-9A-F]{8})\)$|^(unavailable) \(00000000\)/.exec(rest);
      return start ? [{ start, end, name, image, stamp: stamp?.[1] ?? stamp?.[2] ?? rest }] : [];
    });
    const ours = dump.modules.map((module, index) => ({
      start: tick(module.base),
      end: tick(module.base + BigInt(module.size)),
      name: debuggerName(module, index),
      image: module.path,
      stamp: (module.timestamp ?? 0).toString(16).toUpperCase().padStart(8, "0"),
    }));
    ours.sort((a, b) => (a.start < b.start ? -1 : 1));
    expect(expected.length).toBe(156);
    // WinDbg takes an image's name from its debug directory, found on its own symbol server; the dump
    // itself says ntoskrnl.exe.
    const known = new Map([["ntkrnlmp.exe", "ntoskrnl.exe"]]);
    expect(ours).toEqual(expected.map((row) => ({ ...row, image: known.get(row.image as string) ?? row.image })));
  });

  it("lists the same unloaded modules", async () => {
    const { dump } = await openFile(dumpPath);
    const expected = lines.flatMap((line) => {
      const [, start, end, name] = UNLOADED.exec(line) ?? [];
      return start ? [{ start, end, name }] : [];
    });
    const ours = dump.unloadedModules.map((module) => ({
      start: tick(module.base),
      end: tick(module.base + BigInt(module.size)),
      name: module.path,
    }));
    expect(expected.length).toBeGreaterThan(5);
    expect(ours).toEqual(expected);
  });

  it("knows what !analyze -v printed of process, attributes and kernel", async () => {
    const { dump } = await openFile(dumpPath);
    const text = readFileSync(`${dumpPath}.expected.windbg.analyze_v.txt`, "latin1");
    expect(text).toContain(`PROCESS_NAME:  ${dump.process.name}`);
    expect(text).toContain(`DUMP_FILE_ATTRIBUTES: ${hex(dump.kernel?.attributes)}`);
    expect(text).toContain(`BUGCHECK_CODE:  ${dump.bugcheck?.code.toString(16)}`);
    expect(dump.kernel?.producer).toBe("kernel");
    // The stack that WinDbg walked starts at the registers of the header.
    expect(text).toContain(`${tick(dump.threads[0]?.context?.sp ?? 0n)} `);
  });
});
