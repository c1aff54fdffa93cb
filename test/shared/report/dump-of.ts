import { type VirtualAddress, virtualAddress } from "../../../shared/dump/address.ts";
import type { CpuContext } from "../../../shared/dump/cpu-context.ts";
import type { Dump, DumpModule } from "../../../shared/dump/dump.ts";
import { NO_MEMORY } from "../../../shared/dump/memory.ts";

/** Dumps as objects, for tests of what is made of them. */

/** An address. */
export function va(value: number | bigint): VirtualAddress {
  return virtualAddress(BigInt(value));
}

/** A module with a time in it. */
export function moduleOf(path: string, base: number | bigint, size: number, timestamp = 0x5dee2b07): DumpModule {
  return { path, base: va(base), size, timestamp, identity: "absent" };
}

/** Registers of an x64 processor. */
export function amd64(pc: number | bigint, sp: number | bigint): CpuContext {
  return { cpu: "amd64", pc: va(pc), sp: va(sp), flags: 0x10001f, registers: { rsp: BigInt(sp), rip: BigInt(pc) } };
}

/** A kernel triage dump of Windows 10 x64 with `nt` and `myfault.sys`; parts can be replaced. */
export function kernelDump(parts: Partial<Dump> = {}): Dump {
  return {
    format: "PAGEDU64",
    kind: "kernel-triage",
    dumpType: 4,
    size: 262_144,
    truncated: false,
    sections: [],
    cpu: "amd64",
    pointerSize: 8,
    system: { os: "Windows NT", osVersion: "10.0.19041", osBuild: 19041, buildLab: "19041.vb_release.191206-1406" },
    process: { name: "notmyfault64.e" },
    modules: [
      moduleOf("ntoskrnl.exe", 0xfffff8075bc0e000n, 0x1046000),
      moduleOf("\\SystemRoot\\drivers\\myfault.sys", 0xfffff80760000000n, 0x8000, 0x63e2a1b0),
    ],
    unloadedModules: [],
    threads: [{ id: 4, context: amd64(0xfffff8075c00b6f0n, 0xffffa704eeb6bc88n) }],
    crashingThread: 0,
    bugcheck: { code: 0xd1, parameters: [0xffffa080n, 2n, 0n, 0xfffff80760001390n] },
    kernel: {
      base: va(0xfffff8075bc0e000n),
      loadedModuleList: va(0xfffff8075c838770n),
      activeProcessHead: va(0xfffff8075c82bdd0n),
      directoryTableBase: 0x1ad000n,
      pfnDatabase: va(0),
      majorVersion: 15,
      minorVersion: 19041,
      attributes: 8,
    },
    extras: {},
    memory: NO_MEMORY,
    ...parts,
  };
}

/** A user minidump of Windows 10 x64 that read address 8; parts can be replaced. */
export function userDump(parts: Partial<Dump> = {}): Dump {
  const context = amd64(0x7ff61234152an, 0x11f6b8);
  return {
    format: "MDMP",
    kind: "minidump",
    dumpType: 0,
    size: 65_536,
    truncated: false,
    sections: [],
    cpu: "amd64",
    pointerSize: 8,
    system: { os: "Windows NT", osVersion: "10.0.19045", osBuild: 19045 },
    process: { pid: 42, name: "C:\\tools\\crashme.exe" },
    modules: [moduleOf("C:\\tools\\crashme.exe", 0x7ff612340000n, 0x8c000)],
    unloadedModules: [],
    threads: [{ id: 0x1d0, context }],
    crashingThread: 0,
    exception: {
      threadId: 0x1d0,
      code: 0xc0000005,
      flags: 0,
      address: va(0x7ff61234152an),
      parameters: [0n, 8n],
      context,
    },
    extras: {},
    memory: NO_MEMORY,
    ...parts,
  };
}
